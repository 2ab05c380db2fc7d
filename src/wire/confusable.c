/* See confusable.h. The table is made from Unicode's confusables.txt (UTS #39), of which it has the
 * single characters whose prototype is one ASCII letter, digit, hyphen or dot, and from the
 * compatibility forms of the same; runs with a rule of their own are in fold_run. */
#include "wire/confusable.h"

#include <assert.h>
#include <uchar.h>

#include "wire/shown.h"
#include "wire/utf8.h"

/* clang-format off */
static const struct {
    char looks_like;
    const char32_t *twins;
} confusables[] = {
    {'a',
     U"\u00aa\u0251\u0391\u03b1\u0410\u0430\u13aa\u15c5\u1d00\u1d2c\u1d43\u2090\u237a\u24b6"
     U"\u24d0\u2c6d\ua4ee\uab7a\U000102a0\U00016f40\U0001f130"},
    {'b',
     U"\u0184\u0299\u0392\u0412\u042c\u0432\u13cf\u13f4\u13fc\u1472\u15af\u15f7\u1d2e\u1d47"
     U"\u212c\u24b7\u24d1\ua4d0\ua7b4\U00010282\U000102a1\U00010301\U0001f131"},
    {'c',
     U"\u03f2\u03f9\u0421\u0441\u13df\u1d04\u1d9c\u2102\u212d\u216d\u217d\u24b8\u24d2\u2ca4"
     U"\u2ca5\ua4da\ua7f2\uabaf\U000102a2\U00010302\U00010415\U0001043d\U0001051c\U000118e9"
     U"\U000118f2\U0001f12b\U0001f132\U0001f74c"},
    {'d',
     U"\u0500\u0501\u13a0\u13e7\u146f\u15de\u15ea\u1d05\u1d30\u1d48\u2145\u2146\u216e\u217e"
     U"\u24b9\u24d3\ua4d2\ua4d3\uab70\U0001f133"},
    {'e',
     U"\u0395\u0415\u0435\u04bd\u13ac\u1d07\u1d31\u1d49\u2091\u212e\u212f\u2130\u2147\u22ff"
     U"\u24ba\u24d4\u2d39\ua4f0\uab32\uab7c\U00010286\U000118a6\U000118ae\U0001f134"},
    {'f',
     U"\u017f\u03dc\u0584\u15b4\u1da0\u1e9d\u2131\u24bb\u24d5\ua4dd\ua730\ua798\ua799\ua7f3"
     U"\uab35\U00010287\U000102a5\U00010525\U000118a2\U000118c2\U0001d213\U0001f135"},
    {'g',
     U"\u018d\u0261\u0262\u050c\u050d\u0581\u13c0\u13f3\u13fb\u1d33\u1d4d\u1d83\u210a\u24bc"
     U"\u24d6\ua4d6\ua7ac\uab90\U0001f136"},
    {'h',
     U"\u029c\u02b0\u0397\u041d\u043d\u04ba\u04bb\u0570\u13bb\u13c2\u157c\u1d34\u2095\u210b"
     U"\u210c\u210d\u210e\u24bd\u24d7\u2c8e\ua4e7\uab8b\U000102cf\U0001f137"},
    {'i',
     U"\u0131\u0269\u026a\u02db\u037a\u03b9\u0456\u04cf\u13a5\u1d62\u1fbe\u2071\u2139\u2148"
     U"\u2170\u2373\u24d8\ua647\ua7ae\uab75\U000118c3"},
    {'j',
     U"\u02b2\u037f\u03f3\u0408\u0458\u13ab\u148d\u1d0a\u1d36\u2149\u24bf\u24d9\u2c7c\ua4d9"
     U"\ua7b2\uab7b\U0001f139"},
    {'k',
     U"\u039a\u041a\u13e6\u16d5\u1d0b\u1d37\u1d4f\u2096\u212a\u24c0\u24da\u2c94\ua4d7"
     U"\U00010518\U0001f13a"},
    {'l',
     U"\u00b9\u0196\u01c0\u029f\u02e1\u0399\u0406\u04c0\u05c0\u05d5\u05df\u0627\u0661\u06f1"
     U"\u07ca\u13de\u14aa\u16c1\u1d35\u1d38\u2081\u2097\u2110\u2111\u2112\u2113\u2160\u216c"
     U"\u217c\u2223\u23fd\u2460\u24be\u24c1\u24db\u2c92\u2cd0\u2cd1\u2d4f\ua4e1\ua4f2\uabae"
     U"\ufe8d\ufe8e\uffe8\U0001028a\U00010309\U00010320\U0001041b\U00010443\U00010526"
     U"\U000118a3\U000118b2\U00016f16\U00016f28\U0001d22a\U0001e8c7\U0001ee00\U0001ee80"
     U"\U0001f138\U0001f13b\U0001fbf1"},
    {'m',
     U"\u039c\u03fa\u041c\u13b7\u15f0\u16d6\u1d0d\u1d39\u1d50\u2098\u2133\u216f\u217f\u24c2"
     U"\u24dc\u2c98\ua4df\U000102b0\U00010311\U0001f13c"},
    {'n',
     U"\u0274\u039d\u0578\u057c\u1d3a\u207f\u2099\u2115\u24c3\u24dd\u2c9a\ua4e0\U00010513"
     U"\U0001f13d"},
    {'o',
     U"\u00ba\u039f\u03bf\u03c3\u041e\u043e\u0555\u0585\u05e1\u0647\u0665\u06be\u06c1\u06d5"
     U"\u06f5\u07c0\u0966\u09e6\u0a66\u0ae6\u0b20\u0b66\u0be6\u0c66\u0ce6\u0d20\u0d66\u0e50"
     U"\u0ed0\u101d\u1040\u10ff\u12d0\u1d0f\u1d11\u1d3c\u1d52\u2070\u2080\u2092\u2134\u24c4"
     U"\u24de\u24ea\u2c9e\u2c9f\u2d54\u3007\ua4f3\uab3d\ufba6\ufba7\ufba8\ufba9\ufbaa\ufbab"
     U"\ufbac\ufbad\ufee9\ufeea\ufeeb\ufeec\U00010292\U000102ab\U00010404\U0001042c"
     U"\U000104c2\U000104ea\U00010516\U000114d0\U000118b5\U000118c8\U000118d7\U000118e0"
     U"\U0001ee24\U0001ee64\U0001ee84\U0001f13e\U0001fbf0"},
    {'p',
     U"\u03a1\u03c1\u03f1\u0420\u0440\u13e2\u146d\u1d18\u1d29\u1d3e\u1d56\u209a\u2119\u2374"
     U"\u24c5\u24df\u2ca2\u2ca3\ua4d1\uabb2\U00010295\U0001f13f"},
    {'q',
     U"\u051a\u051b\u0563\u0566\u211a\u24c6\u24e0\u2d55\ua7af\ua7f4\U000107a5\U0001f140"},
    {'r',
     U"\u01a6\u0280\u02b3\u0433\u13a1\u13d2\u1587\u1d26\u1d3f\u1d63\u211b\u211c\u211d\u24c7"
     U"\u24e1\u2c85\ua4e3\uab47\uab48\uab71\uab81\uaba2\U000104b4\U00016f35\U0001d216"
     U"\U0001f12c\U0001f141"},
    {'s',
     U"\u01bd\u02e2\u0405\u0455\u054f\u13d5\u13da\u209b\u24c8\u24e2\ua4e2\ua731\uabaa"
     U"\U00010296\U00010420\U00010448\U000118c1\U00016f3a\U0001f142"},
    {'t',
     U"\u03a4\u03c4\u0422\u0442\u13a2\u1d1b\u1d40\u1d57\u209c\u22a4\u24c9\u24e3\u27d9\u2ca6"
     U"\ua4d4\uab72\U00010297\U000102b1\U00010315\U000118bc\U00016f0a\U0001f143\U0001f768"},
    {'u',
     U"\u028b\u03c5\u054d\u057d\u1200\u144c\u1d1c\u1d41\u1d58\u1d64\u222a\u22c3\u24ca\u24e4"
     U"\ua4f4\ua79f\uab4e\uab52\U000104ce\U000104f6\U000118b8\U000118d8\U00016f42\U0001f144"},
    {'v',
     U"\u03bd\u0474\u0475\u05d8\u0667\u06f7\u13d9\u142f\u1d20\u1d5b\u1d65\u2164\u2174\u2228"
     U"\u22c1\u24cb\u24e5\u2c7d\u2d38\ua4e6\ua6df\uaba9\U0001051d\U00011706\U000118a0"
     U"\U000118c0\U00016f08\U0001d20d\U0001f145"},
    {'w',
     U"\u026f\u02b7\u0461\u051c\u051d\u0561\u13b3\u13d4\u1d21\u1d42\u24cc\u24e6\ua4ea\uab83"
     U"\U0001170a\U0001170e\U0001170f\U000118e6\U000118ef\U0001f146"},
    {'x',
     U"\u00d7\u02e3\u03a7\u0425\u0445\u1541\u157d\u166d\u166e\u16b7\u2093\u2169\u2179\u24cd"
     U"\u24e7\u2573\u292b\u292c\u2a2f\u2cac\u2d5d\ua4eb\ua7b3\U00010290\U000102b4\U00010317"
     U"\U00010322\U00010527\U000118ec\U0001f147"},
    {'y',
     U"\u0263\u028f\u02b8\u03a5\u03b3\u03d2\u0423\u0443\u04ae\u04af\u10e7\u13a9\u13bd\u1d8c"
     U"\u1eff\u213d\u24ce\u24e8\u2ca8\ua4ec\uab5a\U000102b2\U000118a4\U000118dc\U00016f43"
     U"\U0001f148"},
    {'z',
     U"\u0396\u13c3\u1d22\u1dbb\u2124\u2128\u24cf\u24e9\ua4dc\uab93\U000102f5\U000118a9"
     U"\U000118c4\U000118e5\U0001f149"},
    {'2',
     U"\u00b2\u01a7\u03e8\u14bf\u2082\u2461\ua644\ua6ef\ua75a\U0001fbf2"},
    {'3',
     U"\u00b3\u01b7\u021c\u0417\u04e0\u2083\u2462\u2ccc\ua76a\ua7ab\U000118ca\U00016f3b"
     U"\U0001d206\U0001fbf3"},
    {'4',
     U"\u13ce\u2074\u2084\u2463\U000118af\U0001fbf4"},
    {'5',
     U"\u01bc\u2075\u2085\u2464\U000118bb\U0001fbf5"},
    {'6',
     U"\u0431\u13ee\u2076\u2086\u2465\u2cd2\U000118d5\U0001fbf6"},
    {'7',
     U"\u2077\u2087\u2466\U000104d2\U000118c6\U0001d212\U0001fbf7"},
    {'8',
     U"\u0222\u0223\u09ea\u0a6a\u2078\u2088\u2467\U0001031a\U0001e8cb\U0001fbf8"},
    {'9',
     U"\u09ed\u0a67\u0b68\u0d6d\u2079\u2089\u2468\u2cca\ua76e\U000118ac\U000118cc\U000118d6"
     U"\U0001fbf9"},
    {'-',
     U"\u02d7\u06d4\u2010\u2011\u2012\u2013\u2043\u2212\u2796\u2cba\ufe58\ufe63"},
    {'_',
     U"\u07fa\ufe33\ufe34\ufe4d\ufe4e\ufe4f"},
    {'.',
     U"\u0660\u06f0\u0701\u0702\u2024\ua4f8\ua60e\ufe52\U00010a50"},
};
/* clang-format on */

#define FULLWIDTH_FIRST    0xff01u /* the ASCII of East Asian typewriters, from '!' */
#define FULLWIDTH_LAST     0xff5eu
#define MATH_LATIN_FIRST   0x1d400u /* alphabets of A to Z and a to z, bold, script, … */
#define MATH_LATIN_LAST    0x1d6a3u
#define MATH_GREEK_FIRST   0x1d6a8u /* 25 capitals, nabla, 25 small ones, 7 variants */
#define MATH_GREEK_LAST    0x1d7cbu
#define MATH_GREEK_LETTERS 58u
#define MATH_DIGITS_FIRST  0x1d7ceu
#define MATH_DIGITS_LAST   0x1d7ffu

/* Letters that stand in rows, as one of the plain row. */
static uint32_t fold_run(uint32_t code)
{
    if (code >= FULLWIDTH_FIRST && code <= FULLWIDTH_LAST)
        return code - FULLWIDTH_FIRST + '!';
    if (code >= MATH_LATIN_FIRST && code <= MATH_LATIN_LAST) {
        uint32_t letter = (code - MATH_LATIN_FIRST) % 52;
        return letter < 26 ? 'A' + letter : 'a' + letter - 26;
    }
    if (code >= MATH_GREEK_FIRST && code <= MATH_GREEK_LAST) {
        uint32_t letter = (code - MATH_GREEK_FIRST) % MATH_GREEK_LETTERS;
        if (letter < 25)
            return 0x391 + letter;
        return letter > 25 && letter < 51 ? 0x3b1 + letter - 26 : code;
    }
    if (code >= MATH_DIGITS_FIRST && code <= MATH_DIGITS_LAST)
        return '0' + (code - MATH_DIGITS_FIRST) % 10;
    return code;
}

static uint32_t fold_letter(uint32_t code)
{
    for (size_t i = 0; code >= 0x80 && i < sizeof confusables / sizeof confusables[0]; i++)
        for (const char32_t *twin = confusables[i].twins; *twin; twin++)
            if (*twin == code)
                return (unsigned char)confusables[i].looks_like;
    if (code == 'I' || code == '1' || code == '|')
        return 'l';
    if (code == '0')
        return 'o';
    return code >= 'A' && code <= 'Z' ? code - 'A' + 'a' : code;
}

static bool is_blank(uint32_t code)
{
    return code == ' ' || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) ||
           code == 0x202f || code == 0x205f || code == 0x3000;
}

struct slice confusable_skeleton(struct slice id, char buffer[SKELETON_SIZE])
{
    const char *at = id.at, *end = slice_end(id);
    size_t len = 0;
    assert(id.len <= WIRE_ID_MAX);
    while (at < end) {
        size_t length = utf8_length(at, end);
        if (length == 0) {
            buffer[len++] = *at++;
            continue;
        }
        uint32_t code = utf8_read(at, length);
        at += length;
        if (is_blank(code) || code_point_hides(code))
            continue;
        code = fold_letter(fold_run(code));
        if (code == 'm') {
            buffer[len++] = 'r';
            code = 'n';
        }
        len += utf8_write(code, buffer + len);
    }
    assert(len <= SKELETON_SIZE);
    return (struct slice){buffer, len};
}
