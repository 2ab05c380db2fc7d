/* khub train: one AI node. */
#include "cmd/commands.h"
#include "cmd/visit.h"
#include "trainer/trainer.h"

#define MINUTES_LEAST 0.05
#define MINUTES_MOST  1440

struct train_settings {
    const char *hub, *ai_id, *specialization, *summary;
    double minutes;
    bool json;
};

static int run(const void *data)
{
    const struct train_settings *settings = data;
    setvbuf(stdout, NULL, _IOLBF, 0);
    return trainer_run(&(struct trainer_options){
        .address = settings->hub,
        .ai_id = settings->ai_id,
        .specialization = settings->specialization,
        .minutes = settings->minutes,
        .summary_path = settings->summary,
        .json = settings->json,
        .out = stdout,
    });
}

#define AT(member) .offset = offsetof(struct train_settings, member)
static const struct setting options[] = {
    HUB_SETTING(struct train_settings),
    JSON_SETTING(struct train_settings, "The summary at the end as JSON."),
    {.name = "summary",
     .kind = SETTING_TEXT,
     AT(summary),
     .argument = "FILE",
     .help = "Writes the summary as JSON to FILE too."},
    {0},
};

static const struct setting operands[] = {
    {.name = "AI_ID",
     .kind = SETTING_TEXT,
     AT(ai_id),
     .required = true,
     .help = "The name it goes by; no two AIs of a hub have the same."},
    {.name = "SPECIALIZATION",
     .kind = SETTING_CHOICE,
     AT(specialization),
     .required = true,
     .choices = trainer_specializations,
     .help = "What it is good at."},
    {.name = "MINUTES",
     .kind = SETTING_NUMBER,
     AT(minutes),
     .fallback = "1",
     .low = MINUTES_LEAST,
     .high = MINUTES_MOST,
     .help = "How long it trains; fractions are fine."},
    {0},
};

const struct command command_train = {
    .name = "train",
    .summary = "run an AI that trains, shares and collaborates",
    .about = "Joins a hub as an AI with a specialization. It learns a policy for its part of an "
             "operating system in "
             "a simulator, shares what it finds, checks what others share by running it, answers "
             "feature "
             "requests and works with other AIs on common candidates. After MINUTES it sums up and "
             "leaves.",
    .example = "  khub train AI_Node_1 networking 2\n  khub train AI_Node_2 file_system 2",
    .worked = "trained to the end, or was told to stop and did so in order",
    .failed = "the hub was not reached, refused the AI or was lost; or no summary could be written",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct train_settings),
    .run = run,
};
