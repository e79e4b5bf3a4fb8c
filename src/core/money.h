/* Money in integers. Rates: pico-dollars (1e-12 USD) a token. Costs: nano-dollars (1e-9 USD). */
#ifndef LLMDECK_CORE_MONEY_H
#define LLMDECK_CORE_MONEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define NUSD_PER_USD INT64_C(1000000000)
#define PICO_PER_NANO 1000

/* Decimal or scientific notation ("2.5e-06", "-0.10"); exact, beyond nano rounded half to even. */
bool money_parse_nusd(struct str s, int64_t *out_nusd);
/* Rate in USD per token, same notation, to pico-dollars. */
bool money_parse_pusd(struct str s, int64_t *out_pusd);
/* Pico- to nano-dollars, half to even. Saturates at the int64 range. */
__extension__ typedef __int128 pusd128;
int64_t money_nusd_of_pusd(pusd128 pusd);
/* "47.608895000", always nine decimals, no currency sign. Returns `out`. */
#define MONEY_TEXT_BYTES 32
char *money_format_usd(int64_t nusd, char out[MONEY_TEXT_BYTES]);
/* For people: "$47.61", "$0.0021", "$1.2k", at most `width` columns (>= 6). */
char *money_format_short(int64_t nusd, int width, char out[MONEY_TEXT_BYTES]);

#endif
