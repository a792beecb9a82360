/* utf8.h -- code points out of bytes that may be anything.
** Layer: base. Uses: bert.h.
**
** What is not UTF-8 reads as U+FFFD, one for each maximal part of a sequence (Unicode 15, 3.9, "Substitution of Maximal
** Subparts"), which is what Python's and Rust's lossy decoders give. Surrogates, overlong forms and values past U+10FFFF
** are not UTF-8. NUL is a character like others. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum { UTF8_REPLACEMENT = 0xFFFD };

/* The code point at p[0..n), n > 0; *used gets how many bytes it took (1 to 4). */
uint32_t utf8_decode(const unsigned char *p, size_t n, int *used);

/* Writes c (a scalar value) to out[4] and returns how many bytes it took. */
int utf8_encode(uint32_t c, unsigned char *out);

/* Code points in p[0..n), each broken part counted as one. */
size_t utf8_length(const char *p, size_t n);

/* 1 if p[n] is UTF-8 throughout. */
int utf8_is_valid(const char *p, size_t n);

#endif
