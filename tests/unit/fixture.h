/* fixture.h -- what several tests need: a directory of their own, a model saved anew, allocations that fail one after the other. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "bert.h"

enum { FIXTURE_PATH = 200 };

/* A new, empty directory, under TMPDIR where that is set; the path goes into out. */
void fixture_begin(char out[FIXTURE_PATH]);

/* Writes directory/name, whose folder (one at most) is made where it is missing. */
void fixture_put(const char *directory, const char *name, const void *bytes, size_t size);
void fixture_text(const char *directory, const char *name, const char *text);

/* The text with ' turned into ", so that JSON in C can be read. Valid until the fourth call after it. */
const char *fixture_quoted(const char *text);

/* The model as it opens when it was saved with changes; NULL on error. */
bert_model *fixture_reopen(const bert_model *m, const bert_changes *changes, bert_err *e);

/* Removes the directory and all that is in it. */
void fixture_end(const char *directory);

/* Runs run(argument, &e) with the first allocation failing, then the second … until it comes through; once with that
** one allocation alone failing and once with all after it too. Claims that each run fails with BERT_NOMEM and leaves no
** allocation and no open file behind. Returns how many allocations a good run makes. */
int fixture_fail_each(void (*run)(const char *argument, bert_err *e), const char *argument);

#endif
