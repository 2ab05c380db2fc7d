/* See top.h. */
#include "cmd/top.h"

#include <math.h>
#include <stdlib.h>

#include "cmd/fields.h"
#include "cmd/table.h"

#define HEAD_ROWS 6u /* lines above the members, the titles included */

const char *const top_orders[] = {"said", "idle", "name", NULL};

/* ── figures ── */

static size_t read_numbers(struct json_value array, double numbers[TOP_BUCKETS_MAX])
{
    struct json_iterator iterator = {.rest = array.raw};
    struct json_value element;
    size_t count = 0;
    while (array.kind == JSON_KIND_ARRAY && count < TOP_BUCKETS_MAX &&
           json_next_element(&iterator, &element)) {
        if (json_number(element, &numbers[count]) < 0)
            numbers[count] = 0;
        count++;
    }
    return count;
}

static void read_durations(struct top_durations *durations, struct json_value told)
{
    size_t bounds = read_numbers(json_get(told, "le_s"), durations->le_s);
    durations->count = read_numbers(json_get(told, "counts"), durations->counts);
    if (durations->count != bounds + 1 || bounds == 0)
        durations->count = 0;
}

void top_totals_read(struct top_totals *totals, struct json_value stats)
{
    struct json_value hub = json_get(stats, "hub");
    *totals = (struct top_totals){.told = hub.kind == JSON_KIND_OBJECT,
                                  .messages = field_number(hub, "messages", 0),
                                  .deliveries = field_number(hub, "deliveries", 0),
                                  .bytes_in = field_number(hub, "bytes_in", 0),
                                  .bytes_out = field_number(hub, "bytes_out", 0)};
    read_durations(&totals->latency, json_get(hub, "latency"));
    read_durations(&totals->commits, json_get(hub, "commits"));
}

static void duration_format(double seconds, char buffer[TOP_DURATION_SIZE], const char *before)
{
    double shown = seconds < 1e-3 ? seconds * 1e6 : seconds < 1 ? seconds * 1e3 : seconds;
    snprintf(buffer, TOP_DURATION_SIZE, "%s%.3g %s", before, shown,
             seconds < 1e-3 ? "µs"
             : seconds < 1  ? "ms"
                            : "s");
}

bool top_quantile(const struct top_durations *now, const struct top_durations *before, double share,
                  char buffer[TOP_DURATION_SIZE])
{
    double counts[TOP_BUCKETS_MAX], all = 0, below = 0;
    bool comparable = before->count == now->count;
    size_t bucket = 0;
    for (size_t i = 0; i < now->count; i++) {
        counts[i] = now->counts[i] - (comparable ? before->counts[i] : 0);
        all += counts[i];
    }
    if (!(all > 0))
        return false;
    while (bucket + 1 < now->count && (below += counts[bucket]) < share * all)
        bucket++;
    if (bucket + 1 < now->count)
        duration_format(now->le_s[bucket], buffer, "");
    else
        duration_format(now->le_s[bucket - 1], buffer, "over ");
    return true;
}

void top_number(double number, char buffer[TOP_NUMBER_SIZE])
{
    static const char units[] = " kMGTP";
    unsigned unit = 0;
    while (number >= 999.5 && unit < sizeof(units) - 2) {
        number /= 1000;
        unit++;
    }
    int decimals = unit > 0 && number < 99.95 ? 1 : 0;
    if (unit == 0)
        snprintf(buffer, TOP_NUMBER_SIZE, "%.0f", number);
    else
        snprintf(buffer, TOP_NUMBER_SIZE, "%.*f %c", decimals, number, units[unit]);
}

/* ── the lines above ── */

struct drawing {
    const struct top_picture *picture;
    struct line line;
    FILE *out;
    unsigned drawn;
};

static void end_line(struct drawing *drawing)
{
    line_print(&drawing->line, drawing->out);
    line_clear(&drawing->line);
    drawing->drawn++;
}

/* "  12 here", the number stands out; `one` with 1, `many` with all others. */
static void add_counted(struct drawing *drawing, double number, const char *one, const char *many)
{
    char text[TOP_NUMBER_SIZE];
    top_number(number, text);
    line_style(&drawing->line, STYLE_BOLD);
    line_addf(&drawing->line, "%s%s", drawing->line.column ? "  " : "", text);
    line_style(&drawing->line, STYLE_PLAIN);
    line_addf(&drawing->line, " %s", number == 1 ? one : many);
}

static void add_count(struct drawing *drawing, double number, const char *what)
{
    add_counted(drawing, number, what, what);
}

static void add_rate(struct drawing *drawing, double now, double before, const char *what)
{
    double seconds = drawing->picture->seconds;
    if (seconds > 0 && now >= before)
        add_count(drawing, (now - before) / seconds, what);
    else
        line_addf(&drawing->line, "%s- %s", drawing->line.column ? "  " : "", what);
}

static void add_durations(struct drawing *drawing, const struct top_durations *now,
                          const struct top_durations *before)
{
    char half[TOP_DURATION_SIZE], most[TOP_DURATION_SIZE];
    if (top_quantile(now, before, 0.5, half) && top_quantile(now, before, 0.99, most))
        line_addf(&drawing->line, " half within %s, 99 %% within %s", half, most);
    else
        line_add(&drawing->line, slice_of(" nothing to time"));
}

static void draw_place(struct drawing *drawing)
{
    const struct top_picture *picture = drawing->picture;
    char clock[CLOCK_SIZE], up[CLOCK_SIZE];
    struct json_value hub = json_get(picture->stats, "hub");
    OWNED char *version = field_string(picture->stats, "hub_version");
    clock_format(time_now_ms(), clock);
    line_style(&drawing->line, STYLE_BOLD);
    line_addf(&drawing->line, "khub %s", version);
    line_style(&drawing->line, STYLE_PLAIN);
    line_addf(&drawing->line, " at %s  %s", picture->place, clock);
    if (picture->now.told) {
        span_format((int64_t)(field_number(hub, "uptime_s", 0) * 1000), up);
        line_addf(&drawing->line, "  up %s", up);
    }
    if (picture->trouble) {
        line_style(&drawing->line, STYLE_RED);
        line_addf(&drawing->line, "  lost the hub: %s; trying again, this is old",
                  picture->trouble);
    }
    end_line(drawing);
}

static void draw_room(struct drawing *drawing)
{
    struct json_value room = json_get(drawing->picture->stats, "room");
    add_count(drawing, field_number(room, "members", 0), "here");
    add_count(drawing, field_number(room, "away", 0), "away");
    add_counted(drawing, field_number(json_get(room, "sessions"), "live", 0), "session",
                "sessions");
    add_counted(drawing, field_number(room, "leases", 0), "lease", "leases");
    add_counted(drawing, field_number(room, "approvals_pending", 0), "waits for a person",
                "wait for a person");
    add_counted(drawing, field_number(room, "dead_letters", 0), "letter that nobody took",
                "letters that nobody took");
    end_line(drawing);

    struct json_value tasks = json_get(room, "tasks"), knowledge = json_get(room, "knowledge"),
                      name, section;
    struct json_iterator sections = {.rest = knowledge.raw};
    double entries = 0, number;
    while (knowledge.kind == JSON_KIND_OBJECT && json_next_member(&sections, &name, &section))
        entries += json_number(section, &number) == 0 ? number : 0;
    line_add(&drawing->line, slice_of("tasks:"));
    add_count(drawing, field_number(tasks, "ready", 0), "ready");
    add_count(drawing, field_number(tasks, "blocked", 0), "blocked");
    add_count(drawing, field_number(tasks, "claimed", 0), "claimed");
    add_count(drawing, field_number(tasks, "done", 0), "done");
    line_add(&drawing->line, slice_of("   known:"));
    add_counted(drawing, entries, "entry", "entries");
    add_count(drawing, field_number(room, "knowledge_bytes", 0), "bytes");
    end_line(drawing);
}

static void draw_hub(struct drawing *drawing)
{
    const struct top_picture *picture = drawing->picture;
    const struct top_totals *now = &picture->now, *before = &picture->before;
    struct json_value hub = json_get(picture->stats, "hub");
    if (!now->told) {
        line_add(&drawing->line,
                 slice_of("The hub tells its own figures to an admin, by 'khub token add --role "
                          "admin'."));
        end_line(drawing);
        end_line(drawing);
        return;
    }
    add_rate(drawing, now->messages, before->messages, "messages/s");
    add_rate(drawing, now->deliveries, before->deliveries, "deliveries/s");
    add_rate(drawing, now->bytes_in, before->bytes_in, "bytes/s in");
    add_rate(drawing, now->bytes_out, before->bytes_out, "bytes/s out");
    add_counted(drawing, field_number(hub, "connections", 0), "connection", "connections");
    add_count(drawing, field_number(hub, "queued_bytes", 0), "bytes queued");
    end_line(drawing);

    line_add(&drawing->line, slice_of("from reading to writing:"));
    add_durations(drawing, &now->latency, &before->latency);
    if (now->commits.count > 0) {
        line_add(&drawing->line, slice_of("   to the disk:"));
        add_durations(drawing, &now->commits, &before->commits);
    }
    end_line(drawing);
}

/* ── the members ── */

static const struct column columns[] = {
    {.title = "AI", .shrinks = true},
    {.title = "STATUS"},
    {.title = "SPECIALIZATION", .shrinks = true},
    {.title = "SAID/S", .right = true},
    {.title = "IDLE", .right = true},
    {.title = "ON", .shrinks = true},
};

struct row {
    struct json_value member;
    char *name; /* owned */
    double said;
    struct slice idle_since; /* ISO 8601 in UTC, as the hub writes it: sorts as text */
};

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct row *)left)->name, ((const struct row *)right)->name);
}

static int by_said(const void *left, const void *right)
{
    const struct row *one = left, *other = right;
    if (one->said > other->said || one->said < other->said)
        return one->said > other->said ? -1 : 1;
    return by_name(left, right);
}

/* Who was silent longest comes first. */
static int by_idle(const void *left, const void *right)
{
    struct slice one = ((const struct row *)left)->idle_since,
                 other = ((const struct row *)right)->idle_since;
    size_t len = one.len < other.len ? one.len : other.len;
    int order = len > 0 ? memcmp(one.at, other.at, len) : 0;
    return order != 0 ? order : by_name(left, right);
}

static struct row *read_rows(const struct top_picture *picture, size_t *ret_count)
{
    static int (*const orders[])(const void *, const void *) = {
        [TOP_BY_SAID] = by_said, [TOP_BY_IDLE] = by_idle, [TOP_BY_NAME] = by_name};
    size_t most = field_count(picture->members), count = 0;
    struct row *rows = calloc(most + 1, sizeof(*rows));
    struct json_iterator iterator = {.rest = picture->members.raw};
    struct json_value member;
    while (rows && count < most && json_next_element(&iterator, &member)) {
        struct row *row = &rows[count++];
        row->member = member;
        row->name = field_string(member, "ai_id");
        row->idle_since = json_get(member, "idle_since").raw;
        row->said = json_number_value(json_object_get(picture->said, row->name));
    }
    if (rows)
        qsort(rows, count, sizeof(*rows), orders[picture->order]);
    *ret_count = rows ? count : 0;
    return rows;
}

static void add_row(struct table *table, const struct top_picture *picture, const struct row *row)
{
    char idle[AGO_SIZE];
    field_ago(row->member, "idle_since", time_now_ms(), idle);
    table_add(table, row->name);
    bool away = json_string_is(json_get(row->member, "status"), slice_of("away"));
    table_add(table, away ? "away" : "here");
    table_add_member(table, row->member, "specialization");
    if (picture->seconds > 0)
        table_addf(table, "%.1f", row->said / picture->seconds);
    else
        table_add(table, "-");
    table_add(table, idle);
    OWNED char *work = member_work(row->member);
    table_add(table, work);
}

static void draw_members(struct drawing *drawing, const struct terminal *terminal, unsigned rows)
{
    size_t count;
    struct row *all = read_rows(drawing->picture, &count);
    struct table table;
    size_t room = rows > HEAD_ROWS + 1 ? rows - HEAD_ROWS : 2;
    size_t shown = rows > 0 && count > room ? room - 1 : count; /* a line says how many more */
    table_begin(&table, TABLE_COLUMNS(columns));
    for (size_t i = 0; i < shown; i++)
        add_row(&table, drawing->picture, &all[i]);
    table_print(&table, terminal, drawing->out);
    table_free(&table);
    for (size_t i = 0; i < count; i++)
        free(all[i].name);
    free(all);
    drawing->drawn += (unsigned)shown + 1;
    if (shown < count) {
        line_style(&drawing->line, STYLE_DIM);
        line_addf(&drawing->line, "and %zu more", count - shown);
        end_line(drawing);
    }
}

unsigned top_draw(const struct top_picture *picture, const struct terminal *terminal, unsigned rows,
                  FILE *out)
{
    struct drawing drawing = {.picture = picture, .out = out};
    line_begin(&drawing.line, terminal);
    draw_place(&drawing);
    draw_room(&drawing);
    draw_hub(&drawing);
    draw_members(&drawing, terminal, rows);
    line_free(&drawing.line);
    return drawing.drawn;
}
