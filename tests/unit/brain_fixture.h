/* Brains that train, claim and prove, for tests of what one makes of another's. */
#ifndef KHUB_TESTS_BRAIN_FIXTURE_H
#define KHUB_TESTS_BRAIN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "brain/policy/parts.h"

#define SUBJECT "audio" /* of which an evaluation takes least */
#define OTHER   "graphics"

extern brain_stop go; /* never set */

struct brain *brain_of(const char *ai_id, const char *specialization);
struct policy_brain *insides(struct brain *brain);
struct policy_figures figures_of(struct brain *brain);
/* A step; what the brain sees in its result goes with what it says of it. 0 or -1. */
int collaborate(struct brain *brain, const struct brain_session *session, const json_t *candidate,
                unsigned budget, json_t **ret_candidate, double *ret_progress);

/* Trains; the claims of each kind that came of it, the last one (NULL: none). The caller lets go
 * of both. */
void train(struct brain *brain, unsigned evaluations, json_t **ret_pattern, json_t **ret_component);
/* The same without looking at the claims. */
void train_only(struct brain *brain, unsigned evaluations);
/* A claim of a kind: trains until there is one. */
json_t *claim_of(struct brain *brain, const char *kind);

/* As it comes over the wire: written and read again. */
json_t *relayed(const json_t *thing);
/* A copy with one member changed to this JSON; NULL: without it. */
json_t *altered(const json_t *thing, const char *member, const char *json);
/* The thing that is shared for a claim, relayed. The claim is let go of. The nonce is one digit,
 * repeated. */
json_t *proved(struct brain *brain, json_t *claim, char nonce);
/* A pattern or component as it is shared, after about so many evaluations. */
json_t *shared_by(struct brain *brain, const char *kind, unsigned evaluations);
/* Checks the thing, and takes it in as the author's when its claim holds. */
bool taken(struct brain *brain, const char *author, const json_t *thing);

double number(const json_t *object, const char *name);
bool truth(const json_t *object, const char *name);
const char *text(const json_t *object, const char *name);
/* The claim's parameters. */
void parameters_of(const json_t *thing, double *ret_parameters);
/* Whether there is a compiler, so that modules run. */
bool have_compiler(void);

#endif
