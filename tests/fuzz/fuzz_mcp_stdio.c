/* MCP on stdio, as `khub mcp` has it: a message a line, in and out. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_mcp.h"
#include "gateway/bounds.h"
#include "gateway/mcp.h"
#include "mcp_lab.h"
#include "wire/frame.h"

static struct mcp *mcp;
static struct frame frame;
static struct asked_list list; /* what was asked */
static struct asked *now;      /* the message that is being taken; NULL: none */

/* Is it refused while it is taken? */
static bool is_faulty(const struct asked *asked)
{
    return !asked->request && !asked->notification && !asked->answers;
}

/* Where two have one id, nobody can tell whose answer it is. */
static void check(const json_t *answer)
{
    const json_t *id = json_object_get(answer, "id");
    struct asked *asked = now;
    if (!now || !is_faulty(now) || now->answer_count > 0)
        asked = asked_find(&list, id);
    lab_expect(asked != NULL, "an answer to nothing that was asked");
    if (json_is_null(id))
        lab_expect(!asked->id && json_object_get(answer, "error"), "whose answer is it?");
    else if (asked_is_alone(&list, asked))
        answer_check(asked, answer);
    asked->answer_count++;
}

static void on_send(struct mcp_outlet *outlet, const json_t *message)
{
    (void)outlet;
    char *text = json_dumps(message, JSON_COMPACT);
    lab_expect(text != NULL, "what can't be written went out");
    json_t *read = answer_read(slice_of(text ? text : ""));
    free(text);
    if (!answer_is_told(read))
        check(read);
    json_decref(read);
}

static struct mcp_outlet outlet = {.send = on_send};

static void stdio_open(void)
{
    TAILQ_INIT(&list);
    frame_init(&frame, RPC_LINE_MAX);
    mcp = mcp_new(&(struct mcp_options){
        .loop = lab_loop(),
        .outlet = &outlet,
        .link = {.address = "127.0.0.1:6000", .ai_id = "ada", .stays_s = 60}});
    lab_expect(mcp != NULL, "out of memory");
}

static void take(struct slice line)
{
    struct asked *asked;
    now = asked_read(line);
    TAILQ_FOREACH (asked, &list, next) {
        if (asked->answer_count == 0 && !asked->cancelled && asked_is_cancelled(asked, now)) {
            asked->cancelled = true;
            break;
        }
    }
    TAILQ_INSERT_TAIL(&list, now, next);
    mcp_take(mcp, line, &outlet);
    if (is_faulty(now))
        lab_expect(now->answer_count == 1, "what is no message is not refused");
    now = NULL;
}

static void stdio_take(struct slice bytes)
{
    struct slice line, end = {"\n", 1};
    while (frame_next(&frame, &bytes, &line) == FRAME_LINE)
        take(line);
    while (frame_next(&frame, &end, &line) == FRAME_LINE)
        take(line);
}

/* As when stdin has ended. */
static void stdio_close(void)
{
    struct asked *asked;
    mcp_finish(mcp);
    lab_pass(60000);
    lab_expect(!mcp_busy(mcp), "a call never ends");
    mcp_close(mcp);
    lab_pass(60000);
    while ((asked = TAILQ_FIRST(&list))) {
        lab_expect(!asked->request || asked->cancelled || asked->answer_count == 1,
                   "a request is not answered");
        TAILQ_REMOVE(&list, asked, next);
        asked_free(asked);
    }
    frame_free(&frame);
}

const struct door door_stdio = {stdio_open, stdio_take, stdio_close};
