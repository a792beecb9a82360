/* element.h -- vectors in fewer bits, as floats.
** Layer: index. Uses: bert.h. */
#ifndef INDEX_ELEMENT_H
#define INDEX_ELEMENT_H

#include "bert.h"

/* As bert.h says of bert_element_bytes and bert_element_floats. */
size_t element_bytes(bert_element kind, int dimensions);
void element_floats(bert_element kind, const void *data, int dimensions, float *out);

#endif
