"""usage: embed.py NAME TEXT [RULES…] OUTPUT

Writes the C array `const char NAME[]`: TEXT without its include guard, in which each line @rules@
stands for the next of RULES likewise. What these include of each other stands there already, and is
left out. The other @names@ stay: they are filled in when a policy is rendered."""
import re
import sys


def text_of(path):
    with open(path, encoding="ascii") as file:
        guarded = r"#ifndef (\w+)\n#define \1\n\n(.*)\n#endif\n"
        text = re.sub(guarded, r"\2", file.read(), count=1, flags=re.DOTALL)
        return re.sub(r'#include "policy/[^"]*"\n\n?', "", text)


name, *sources, target = sys.argv[1:]
text = text_of(sources[0])
for rules in sources[1:]:
    text = text.replace("@rules@\n", text_of(rules), 1)
with open(target, "w", encoding="ascii") as file:
    file.write(f"extern const char {name}[];\nconst char {name}[] =\n")
    for line in text.splitlines():
        quoted = line.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?")
        file.write(f'    "{quoted}\\n"\n')
    file.write("    ;\n")
