/* vector.h -- vectors on their own: JSON, finiteness. bert.h says what each does.
** Layer: model. Uses: base. */
#ifndef MODEL_VECTOR_H
#define MODEL_VECTOR_H

#include "bert.h"

int vector_parse(bert_text json, float *out, int max, bert_err *e);
size_t vector_print(const float *v, int n, char *out, size_t room);
int vector_finite(const float *v, int n);

#endif
