/* The ledger as a newcomer is told it. */
#include "core/knowledge.h"

static void page_write(const struct account *account, struct text *text)
{
    static const uint64_t none[CLAIM_STATUS_COUNT];
    const uint64_t *claims = account->contributor ? account->contributor->claims : none;
    uint64_t all = 0;
    for (int status = 0; status < CLAIM_STATUS_COUNT; status++)
        all += claims[status];
    text_add_literal(text, "{\"owner\":");
    text_add_string(text, account->owner);
    text_addf(text,
              ",\"commitments\":%llu,\"nonces\":%llu,\"claims\":%llu,\"confirmed\":%llu,"
              "\"refuted\":%llu,\"contested\":%llu,\"mismatched\":%llu}",
              (unsigned long long)account->commitments, (unsigned long long)account->nonces,
              (unsigned long long)all, (unsigned long long)claims[CLAIM_CONFIRMED],
              (unsigned long long)claims[CLAIM_REFUTED],
              (unsigned long long)claims[CLAIM_CONTESTED], (unsigned long long)account->mismatched);
}

void account_write(const struct ledger *ledger, struct slice ai_id, struct text *text)
{
    const struct account *account = index_find(&ledger->accounts, ai_id);
    if (account)
        page_write(account, text);
    else
        text_add_literal(text, "null");
}

void ledger_write(const struct ledger *ledger, size_t accounts_max, size_t limit, struct text *text)
{
    const struct account *account;
    size_t written = 0, start = text->len;
    text_add_literal(text, "{");
    TAILQ_FOREACH (account, &ledger->recent, recent) {
        size_t before = text->len;
        if (written == accounts_max)
            break;
        if (written++)
            text_add_literal(text, ",");
        text_add_string(text, account->key);
        text_add_literal(text, ":");
        page_write(account, text);
        if (text->len - start < limit)
            continue;
        text->len = before;
        break;
    }
    text_add_literal(text, "}");
}

void ledger_show(struct ledger *ledger, size_t limit, struct text *text)
{
    if (!ledger->shown_whole) {
        text_clear(&ledger->shown);
        ledger_write(ledger, ACCOUNTS_SHOWN_MAX, SIZE_MAX, &ledger->shown);
        ledger->shown_whole = true;
    }
    if (ledger->shown.len <= limit)
        text_add(text, text_slice(&ledger->shown));
    else
        ledger_write(ledger, ACCOUNTS_SHOWN_MAX, limit, text);
}
