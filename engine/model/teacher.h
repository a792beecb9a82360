/* teacher.h -- what a model that knows the task says of the examples that another is trained on (Hinton et al. 2015).
** Layer: model. Uses: base text nn.
**
**    classify, rerank, embed   the row's texts -> the teacher's own tokens, prompt, window -> logits, a number, a vector:
**                              what bert_classify and bert_embed make of them
**    qa, tag                   the example's tokens, which must be those of the teacher, too -> logits of each
**    mlm, pretrain             its tokens with their masks; the vocabularies must be equal -> logits of the chosen ones
**
** Asked a part of a batch at a time, by the engine that serves the model (8 bits, where it was loaded so), so it holds
** nothing of an example but its tokens, and what it says has the same bits at any number of threads. */
#ifndef MODEL_TEACHER_H
#define MODEL_TEACHER_H

#include "model/examples.h"

/* All zeros: there is no teacher. */
typedef struct {
  Session *session;
  const char *task;
  const Rows *rows;    /* of tasks that it reads as texts */
  int texts;           /* columns of them */
  Examples *examples;  /* of tasks that it reads as tokens: its own, row by row those of the student */
  Buf text, out;
} Teacher;

/* Before the student's examples are made: their labels and kind of target are the teacher's. A model that cannot teach
** the task, and labels that are asked for and not its own, are BERT_ARGUMENT. Rows stay as long as the teacher does. */
void teacher_open(Teacher *t, Model *m, const char *task, const Rows *rows, ExamplesOptions *o, bert_err *e);
/* Once they are made: refuses a student that the teacher, where it is to read its tokens, would read otherwise. */
void teacher_meet(Teacher *t, const Model *student, const Examples *examples, const ExamplesOptions *o,
                  const bert_progress *progress, bert_err *e);
void teacher_close(Teacher *t);

/* Puts what it says of the examples order[] of part, which are part->examples, into part (soft, or value). */
void teacher_say(Teacher *t, const int32_t *order, TrainBatch *part, const bert_progress *progress, bert_err *e);

#endif
