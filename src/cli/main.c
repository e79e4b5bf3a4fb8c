#include <stdio.h>
int main(void){ puts("llmdeck"); return 0; }
