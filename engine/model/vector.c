/* vector.c -- see vector.h.
** Layer: model. Uses: base. */
#include "model/vector.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/number.h"

int vector_parse(bert_text json, float *out, int max, bert_err *e) {
  Arena a = {0};
  const Json *root = json_parse(json.data, json.size, "JSON", &a, e);
  int n = 0;
  if (root && root->kind != JSON_ARRAY) json_refuse(root, "vector", "a JSON array of numbers", e);
  for (const Json *v = e->code ? NULL : json_first(root); v && !e->code; v = json_next(v), n++) {
    float x = v->kind == JSON_NUMBER ? (float)json_number(v, 0, "vector", e) : 0;
    if (v->kind != JSON_NUMBER || !isfinite(x)) json_refuse(v, "vector", "numbers that a 32-bit float holds", e);
    if (n < max) out[n] = x;
  }
  arena_fini(&a);
  return n;
}

size_t vector_print(const float *v, int n, char *out, size_t room) {
  size_t used = 0;
  char number[NUMBER_ROOM + 1];
  if (room < 3) return 0;
  for (int i = 0; i < n; i++) {
    int length = number_print(v[i], number);
    if (used + (size_t)length + 3 > room) break;
    out[used++] = i ? ',' : '[';
    memcpy(out + used, number, (size_t)length);
    used += (size_t)length;
  }
  if (n <= 0) out[used++] = '[';
  out[used++] = ']';
  out[used] = 0;
  return used;
}

int vector_finite(const float *v, int n) {
  int finite = 1;
  for (int i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &v[i], 4);
    finite &= (bits & 0x7F800000) != 0x7F800000;
  }
  return finite;
}
