/* pca.h -- the two directions in which vectors vary most.
** Layer: draw. Uses: base.
**
**    x[N][D]  ->  at[N][2], the vectors less their mean along the two first principal components
**
** Subspace iteration on the centred vectors themselves: BLOCK directions at once, so that what converges is governed by
** the ratio of the second to the fifth variance; then the directions are turned to their own variances (Rayleigh, Ritz).
** It starts from fixed numbers and sums in one fixed order in double, so the same vectors in the same order give the same
** bits on every machine. The larger half of a direction points to plus. Where variances are nearly equal (round clouds)
** their directions are as good as any in their plane, and so are those found within ROUNDS.
** Cost: 16 N D operations a round, at most ROUNDS of them: 0.2 s for 2,000 vectors of 384. Memory: 9 D + 2 N doubles. */
#ifndef DRAW_PCA_H
#define DRAW_PCA_H

#include "base/mem.h"

typedef struct {
  double share[2]; /* of the whole variance, 0 where there is none */
  double (*at)[2]; /* [N], freed by mem_free */
} Pca;

/* Asks `progress` (or NULL) once a round. On error `at` is NULL. */
void pca_run(Pca *p, const float *x, int n, int d, const bert_progress *progress, bert_err *e);

#endif
