/* libkhub in a libuv loop (libkhub-uv; pkg-config khub-uv): a link gets its turns whenever its
 * socket or its clock wants one, for as long as the loop runs.
 *
 *     khub_new(&options, &callbacks, &link);
 *     khub_uv_start(&loop, link, &adapter);
 *     uv_run(&loop, UV_RUN_DEFAULT);  // the link's callbacks come from here
 *     khub_uv_stop(adapter);
 *     uv_run(&loop, UV_RUN_DEFAULT);  // until its handles are closed
 *     khub_free(link);
 *
 * All calls are the loop's thread's. Publish from any callback of the loop: the adapter asks the
 * link before each wait what it wants. */
#ifndef KHUB_UV_H
#define KHUB_UV_H

#include <uv.h>

#include "khub.h"

#ifdef __cplusplus
extern "C" {
#endif

struct khub_uv;

/* The link stays the caller's, must outlive the adapter, and is in no other loop. From the next
 * time on that the loop is about to wait, it is turned, and keeps the loop alive until it has
 * ended. 0 or KHUB_E_NO_MEMORY. */
KHUB_PUBLIC int khub_uv_start(uv_loop_t *loop, struct khub *link, struct khub_uv **ret_adapter);
/* The link is not touched any more. The adapter frees itself when the loop has closed its
 * handles, and must not be used again. From a callback of the link too. NULL is fine. */
KHUB_PUBLIC void khub_uv_stop(struct khub_uv *adapter);

#ifdef __cplusplus
}
#endif
#endif
