/* khub cert: a certificate of one's own, for a hub of a lab. */
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/visit.h"
#include "tls/tls.h"

struct cert_settings {
    const char *directory;
    struct text_list hosts;
    long days;
};

static int run(const void *data)
{
    const struct cert_settings *settings = data;
    char name[HOST_NAME_MAX + 1] = "localhost", why[TLS_WHY_SIZE];
    char fingerprint[TLS_FINGERPRINT_SIZE];
    gethostname(name, sizeof name - 1);
    const char *const here[] = {name, "localhost", "127.0.0.1", "::1"};
    bool told = settings->hosts.count > 0;
    const struct tls_pair_wish wish = {.directory = settings->directory,
                                       .hosts = told ? settings->hosts.at : here,
                                       .host_count = told ? settings->hosts.count
                                                          : sizeof here / sizeof *here,
                                       .days = (unsigned)settings->days};
    if (tls_make_pair(&wish, fingerprint, why, sizeof why) < 0)
        return complain("cert", "%s", why);
    printf("%s\n", fingerprint);
    fprintf(stderr,
            "%s/cert.pem and %s/key.pem are good for %ld days.\n"
            "  khub serve --tls-cert %s/cert.pem --tls-key %s/key.pem\n"
            "  khub who --hub khubs://%s:6000 --fingerprint %s\n",
            settings->directory, settings->directory, settings->days, settings->directory,
            settings->directory, wish.hosts[0], fingerprint);
    return EXIT_WORKED;
}

#define AT(member) .offset = offsetof(struct cert_settings, member)
static const struct setting options[] = {
    {.name = "host",
     .kind = SETTING_LIST,
     AT(hosts),
     .argument = "NAME",
     .help = "A name or address that the certificate is good for; the first is also its owner's "
             "name. Without it: this machine's name, localhost, 127.0.0.1 and ::1."},
    {.name = "days",
     .kind = SETTING_WHOLE,
     AT(days),
     .argument = "N",
     .fallback = "365",
     .low = 1,
     .high = 3650,
     .help = "How long it is good."},
    {0},
};
static const struct setting operands[] = {
    {.name = "DIR",
     .kind = SETTING_TEXT,
     AT(directory),
     .required = true,
     .help = "Where to: cert.pem, and key.pem, which you alone may read. It is made if need be; "
             "a pair that is there stays."},
    {0},
};

const struct command command_cert = {
    .name = "cert",
    .summary = "make a certificate for a hub of your own",
    .about =
        "Makes a key (EC P-256) and a certificate of its own signature, and prints the "
        "certificate's fingerprint. Nobody vouches for such a hub: those who join it know it by "
        "the fingerprint, or by a copy of cert.pem (--ca). It does as well for an AI that shows "
        "who it is (--cert and --key, to a hub whose --tls-client-ca is that AI's cert.pem).",
    .example = "  khub cert --host hub.example --host 10.1.2.3 ~/khub-tls",
    .worked = "the pair was made",
    .failed = "it was not",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct cert_settings),
    .run = run,
};
