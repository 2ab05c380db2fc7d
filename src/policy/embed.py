"""usage: embed.py NAME RULES MODULE OUTPUT

Writes the C array `const char NAME[]`: the text of MODULE, in which the line @rules@ stands for
the text of RULES without its include guard. The other @names@ stay: they are filled in when a
policy is rendered."""
import re
import sys

name, rules, module, target = sys.argv[1:]
with open(rules, encoding="ascii") as file:
    text = file.read()
text = re.sub(r"#ifndef (\w+)\n#define \1\n\n(.*)\n#endif\n", r"\2", text, count=1, flags=re.DOTALL)
with open(module, encoding="ascii") as file:
    text = file.read().replace("@rules@\n", text, 1)
with open(target, "w", encoding="ascii") as file:
    file.write(f"extern const char {name}[];\nconst char {name}[] =\n")
    for line in text.splitlines():
        quoted = line.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?")
        file.write(f'    "{quoted}\\n"\n')
    file.write("    ;\n")
