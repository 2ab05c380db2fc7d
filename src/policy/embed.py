"""usage: embed.py NAME INPUT OUTPUT: writes the text of INPUT as a C array `const char NAME[]`."""
import sys

name, source, target = sys.argv[1:]
with open(source, encoding="ascii") as file:
    lines = file.read().splitlines()
with open(target, "w", encoding="ascii") as file:
    file.write(f"extern const char {name}[];\nconst char {name}[] =\n")
    for line in lines:
        quoted = line.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?")
        file.write(f'    "{quoted}\\n"\n')
    file.write("    ;\n")
