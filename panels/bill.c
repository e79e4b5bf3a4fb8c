/* The newest fortnight of the imported bill beside our own figure. Where nothing was imported it says
 * how to. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "core/money.h"
#include "panels/draw.h"
#include "panels/panels.h"
#include "store/query_bill.h"

#define SHOWN_US (14 * US_PER_DAY)

struct bill {
	struct reconcile_result res;
	int64_t bill_nusd, own_nusd, rest_nusd; /* of what is compared */
	int64_t apart_nusd;         /* of rows that are none of our models */
	struct reconcile_row parts; /* sums of the parts */
};

static int bill_load(const struct panel_query *query, void *state, struct err *err)
{
	struct bill *b = state;
	int64_t newest_us;

	if (query_newest_bill(query->reader, &newest_us, err))
		return -1;
	if (!newest_us)
		return 0;
	const struct reconcile_ask ask = {.from_us = newest_us + 1 - SHOWN_US, .to_us = newest_us + 1};

	if (query_reconcile(query->reader, &ask, &b->res, err))
		return -1;
	for (size_t i = 0; i < b->res.row_count; i++) {
		const struct reconcile_row *r = &b->res.rows[i];

		if (!r->comparable)
			continue;
		if (r->on_bill && !*r->own_model) {
			b->apart_nusd += r->bill_nusd;
			continue;
		}
		b->bill_nusd += r->bill_nusd;
		b->own_nusd += r->own_nusd;
		b->rest_nusd += r->rest_nusd;
		b->parts.by_credits_nusd += r->by_credits_nusd;
		b->parts.by_price_nusd += r->by_price_nusd;
		b->parts.by_unpriced_nusd += r->by_unpriced_nusd;
		b->parts.by_silence_nusd += r->by_silence_nusd;
	}
	return 0;
}

static void bill_fini(void *state)
{
	reconcile_result_fini(&((struct bill *)state)->res);
}

static const struct sheet_column columns[] = {
	{"day", "DAY", 10, true, 0, false},          {"model", "MODEL", 14, true, 0, false},
	{"provider", "PROVIDER", 10, true, 4, false}, {"bill_usd", "bill", 9, false, 0, false},
	{"own_usd", "ours", 9, false, 0, false},     {"difference_usd", "diff", 9, false, 0, false},
	{"credits_usd", "credits", 8, false, 3, false}, {"price_usd", "price", 8, false, 3, false},
	{"unpriced_usd", "unpriced", 8, false, 2, false}, {"missing_hours_usd", "no data", 8, false, 2, false},
	{"unexplained_usd", "unexpl.", 9, false, 0, false},
};

static void set_money(struct sheet *out, struct sheet_row *row, int column, int64_t nusd, bool known)
{
	char text[MONEY_TEXT_BYTES];

	sheet_set_value(out, row, column, known ? value_ok((double)nusd / 1e9) : value_unknown(),
	                known ? money_format_short(nusd, 9, text) : "–");
}

static enum row_state state_of(const struct reconcile_row *r)
{
	int64_t rest = r->rest_nusd < 0 ? -r->rest_nusd : r->rest_nusd;

	if (!r->comparable)
		return ROW_PLAIN;
	return rest * 20 > r->bill_nusd && rest > 0 ? ROW_WARNING : ROW_OK; /* a twentieth that nobody can explain */
}

static void bill_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct bill *b = state;

	(void)frame;
	sheet_set_columns(out, columns, (int)(sizeof columns / sizeof *columns));
	out->marked = true;
	for (size_t i = b->res.row_count; i-- > 0;) { /* the newest day first */
		const struct reconcile_row *r = &b->res.rows[i];
		const char *model = *r->model ? r->model : r->on_bill ? "(no model)" : r->own_model;
		char day[TIME_TEXT_BYTES], key[400];

		time_format(r->from_us, day);
		day[10] = '\0';
		snprintf(key, sizeof key, "%s %.100s %.200s", day, r->provider, model);
		struct sheet_row *row = sheet_add(out, (struct str){arena_copy(&out->arena, key, strlen(key)), strlen(key)});

		row->state = state_of(r);
		sheet_set_text(out, row, 0, str_of(day));
		sheet_set_text(out, row, 1, str_of(model));
		sheet_set_text(out, row, 2, str_of(r->on_bill ? r->provider : "not billed"));
		set_money(out, row, 3, r->bill_nusd, r->comparable && r->on_bill);
		set_money(out, row, 4, r->own_nusd, true);
		set_money(out, row, 5, r->difference_nusd, r->comparable);
		set_money(out, row, 6, r->by_credits_nusd, r->comparable);
		set_money(out, row, 7, r->by_price_nusd, r->comparable);
		set_money(out, row, 8, r->by_unpriced_nusd, r->comparable);
		set_money(out, row, 9, r->by_silence_nusd, r->comparable);
		set_money(out, row, 10, r->rest_nusd, r->comparable);
	}
}

static void draw_sums(const struct bill *b, struct surface *s, int y)
{
	char text[MONEY_TEXT_BYTES], from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];
	int x = 1;

	time_format(b->res.from_us, from);
	time_format(b->res.to_us - 1, to);
	x += surface_printf(s, x, y, ROLE_TEXT | STYLE_BOLD, "bill %s", money_format_short(b->bill_nusd, 9, text));
	x += surface_printf(s, x, y, ROLE_TEXT, ", ours %s", money_format_short(b->own_nusd, 9, text));
	x += surface_printf(s, x, y, ROLE_TEXT, ", difference %s", money_format_short(b->bill_nusd - b->own_nusd, 9, text));
	x += surface_printf(s, x, y, b->rest_nusd ? (style)ROLE_WARNING : (style)ROLE_MUTED, ", unexplained %s",
	                    money_format_short(b->rest_nusd, 9, text));
	if (b->apart_nusd)
		x += surface_printf(s, x, y, ROLE_MUTED, "; none of our models %s", money_format_short(b->apart_nusd, 9, text));
	surface_printf(s, x, y, ROLE_MUTED, "  %.10s to %.10s", from, to);
	if (!b->res.shift_hours)
		return;
	x = 1 + surface_printf(s, 1, y + 1, ROLE_WARNING, "the bill's days seem to begin %d h %s", b->res.shift_hours < 0 ? -b->res.shift_hours : b->res.shift_hours,
	                       b->res.shift_hours < 0 ? "earlier" : "later");
	surface_printf(s, x, y + 1, ROLE_MUTED, ": differences of %s instead", money_format_short(b->res.shift_left_nusd, 9, text));
}

static void bill_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct bill *b = state;
	int top = 2 + (b->res.shift_hours != 0);
	struct surface table;

	draw_head(s, frame, "bill", s->width >= 60 ? "imported, beside our own figure" : "");
	if (!b->res.row_count) {
		surface_text(s, 1, 1, ROLE_MUTED, "no bill was imported: llmdeck import --as billing FILE");
		surface_text(s, 1, 2, ROLE_MUTED, "takes FOCUS, Azure's cost export and OpenAI's usage");
		return;
	}
	draw_sums(b, s, 1);
	if (s->height <= top)
		return;
	table = surface_part(s, (struct rect){0, top, s->width, s->height - top});
	draw_rows(&bill_panel, state, frame, &table);
}

const struct panel bill_panel = {
	.name = "bill",
	.title = "bill",
	.help = "The newest fortnight of the imported bill beside our own figure, by day and model. The difference is taken apart: "
	        "credits and discounts, another price for the same tokens, requests that had no price, hours without telemetry "
	        "(both at the mean of the others), and what is left unexplained; the parts add up to it. Rows that are none of our "
	        "models are summed apart. `llmdeck budget reconcile` says the same of any 100 days, in any time zone, and of those services alone that --where names.",
	.page = '6',
	.pace_us = 60 * US_PER_S,
	.state_size = sizeof(struct bill),
	.load = bill_load,
	.fini = bill_fini,
	.draw = bill_draw,
	.rows = bill_rows,
};
