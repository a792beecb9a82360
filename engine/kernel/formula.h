/* formula.h -- exp, the normal distribution and tanh as polynomials: the numbers, in one place.
** Layer: kernel. Uses: nothing.
**
** ref.c and lanes.h evaluate these by Horner's rule with fused multiply-adds, highest power first, in the same order, so
** scalar and vector give the same bits. Coefficients are least-maximum fits made for this project (Lawson's iteration on
** Chebyshev nodes), rounded to float; errors beside them are of the fit, before rounding of the evaluation.
**
**    exp(x)  = 2^n * (1 + r + r^2 E(r)),   n = round(x log2 e), r = x - n ln 2 in two parts     3.1e-9 relative
**    Phi(x)  = 1/2 + x P(x^2) / Q(x^2),    |x| <= 5.5, 0 and 1 outside                          7.2e-9 absolute
**    gelu(x) = x Phi(x)                    (Hendrycks, Gimpel 2016; the exact, erf form)
**    gelu_new(x) = x / (1 + exp(-2 u)),    u = sqrt(2/pi) (x + 0.044715 x^3)                    the tanh form, the same function
**    tanh(x) = x + x^3 T(x^2)              |x| < 0.625                                          4.4e-9 relative
**            = 1 - 2 / (exp(2 x) + 1)      elsewhere
*/
#ifndef KERNEL_FORMULA_H
#define KERNEL_FORMULA_H

/* exp is taken of [EXP_LOW, EXP_HIGH]: results stay normal numbers, so no denormal ever meets a slow path. */
#define EXP_LOW -86.0f
#define EXP_HIGH 88.0f
#define EXP_LOG2E 1.44269504f
#define EXP_LN2_HIGH 0.693359375f
#define EXP_LN2_LOW -2.12194442e-4f
/* Adding and subtracting 1.5 * 2^23 rounds to an integer, ties to even, which then stands in the low bits. */
#define EXP_ROUND 12582912.0f
#define EXP_ROUND_BITS 0x4B400000

/* A group whose largest magnitude is below this counts as zeros: its scale would leave the normal numbers. */
#define QUANTIZE_ZERO 1e-30f

#define EXP_COUNT 5
#define EXP_E {0.4999999403953552f, 0.1666652113199234f, 0.04166838899254799f, 0.00836874544620514f, 0.0013814539415761828f}

#define PHI_EDGE 5.5f
#define PHI_COUNT 6
#define PHI_P \
  {0.398942232131958f, 0.03385167568922043f, 0.0046771978959441185f, 0.000168815313372761f, 6.3520046751364134e-06f, \
   2.274991572903673e-08f}
#define PHI_Q \
  {1.0f, 0.25151947140693665f, 0.028645306825637817f, 0.0018843868747353554f, 7.364394696196541e-05f, \
   1.1975115512541379e-06f}

#define TANH_EDGE 0.625f
#define TANH_COUNT 5
#define TANH_T \
  {-0.3333328068256378f, 0.13331441581249237f, -0.05373968929052353f, 0.020639002323150635f, -0.005704888142645359f}

#define GELU_TANH_SCALE -1.5957691216f /* -2 sqrt(2/pi) */
#define GELU_TANH_CUBE 0.044715f

/* gelu'(x) = Phi(x) + x phi(x); gelu_new'(x) = s + x s (1 - s) u', s = 1 / (1 + exp(-u)) */
#define PHI_DENSITY 0.39894228040143267794f /* 1 / sqrt(2 pi) */

/* The hash that dropout draws with: two rounds of multiply and shift on key and counter, after which each bit of either
** reaches all bits of the result. */
#define DROP_FIRST 0x7FEB352Du
#define DROP_SECOND 0x846CA68Bu

#endif
