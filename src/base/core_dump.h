/* Core dumps would carry what the environment and the memory hold: keys and tokens among it. */
#ifndef LLMDECK_BASE_CORE_DUMP_H
#define LLMDECK_BASE_CORE_DUMP_H

/* From now on a crash of this process, or of one that it starts, leaves no core file, and what a handler of
 * core dumps (core(5): a pipe, which minds no limit of size) is given holds no memory. To be called before
 * any secret is read and before threads start. */
void core_dump_forbid(void);

#endif
