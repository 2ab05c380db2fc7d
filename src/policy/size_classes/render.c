/* size_classes as a C module: the table of classes, and the search in it. */
#include "policy/render.h"
#include "policy/size_classes/rules.h"
#include "policy/size_classes/simulator.h"
#include "policy/subject_table.h"

extern const char size_classes_rules[]; /* the text of rules/size_classes.h */

/* clang-format off */
static const char interface[] =
    "\n"
    "/* The classes are numbered 0..class_count() - 1, the smallest first. */\n"
    "uint32_t class_count(void);\n"
    "/* The bytes of an object of this class. */\n"
    "uint32_t class_size(uint32_t which);\n"
    "/* The class that serves a request of so many bytes: the least that is large enough. What is\n"
    " * larger than the largest class is not for slabs. */\n"
    "uint32_t class_of(uint32_t size);\n"
    "\n"
    "uint32_t class_count(void)\n"
    "{\n"
    "    return tuned.count;\n"
    "}\n"
    "\n"
    "uint32_t class_size(uint32_t which)\n"
    "{\n"
    "    return tuned.sizes[which < tuned.count ? which : tuned.count - 1];\n"
    "}\n"
    "\n"
    "uint32_t class_of(uint32_t size)\n"
    "{\n"
    "    return size_classes_of(&tuned, size);\n"
    "}\n";
/* clang-format on */

int size_classes_render(const double *parameters, char *buffer, size_t size)
{
    struct rendering text = {.buffer = buffer, .size = size};
    uint32_t sizes[SIZE_CLASSES];
    int which;
    if (!subject_valid(&subject_size_classes, parameters, SIZE_TUNED, &which))
        return -1;
    size_classes_tuned(parameters, sizes);
    rendering_add_head(&text, &subject_size_classes, parameters);
    rendering_add(&text, "%s\nstatic const uint32_t sizes[] = {", size_classes_rules);
    for (uint32_t i = 0; i < SIZE_CLASSES; i++)
        rendering_add(&text, "%s%u", i > 0 ? ", " : "", sizes[i]);
    rendering_add(&text, "};\nstatic const struct size_classes_rules tuned = {%d, sizes};\n",
                  SIZE_CLASSES);
    rendering_add(&text, "%s", interface);
    return (int)text.length;
}
