/* number.h -- floats as text, whatever the locale.
** Layer: base. Uses: bert.h.
**
** The other way round is json_parse_number. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

enum { NUMBER_ROOM = 16 };

/* The fewest digits (6 to 9 significant ones, no trailing zeros) that read back to the same float; x is finite.
** Returns the length; NUL-terminated. */
int number_print(float x, char out[NUMBER_ROOM]);

/* Likewise 17 digits of a double, which always read back to the same. */
enum { NUMBER_DOUBLE_ROOM = 32 };
int number_print_double(double x, char out[NUMBER_DOUBLE_ROOM]);

#endif
