/* tls_lab DIR: certificates for the tests that are not C. */
#include <stdio.h>

#include "tls/lab.h"

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: tls_lab DIR\n");
        return 2;
    }
    lab_make(argv[1]);
    return 0;
}
