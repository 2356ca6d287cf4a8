/* main.c - runs a fuzz target once with each file that is named, as a plain test. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    static uint8_t data[2u << 20];
    int index;
    for (index = 1; index < argc; index++) {
        FILE *file = fopen(argv[index], "rb");
        if (file == NULL) {
            perror(argv[index]);
            return 1;
        }
        LLVMFuzzerTestOneInput(data, fread(data, 1, sizeof data, file));
        fclose(file);
    }
    printf("%s: %d inputs\n", argv[0], argc - 1);
    return 0;
}
