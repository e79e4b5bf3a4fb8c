/* JSON keeps numbers as numbers; what it cannot write as one (an infinite real) becomes text. */
#include "store/ask_text.h"

#include <inttypes.h>

static void put_hex(struct buf *out, struct str bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		buf_printf(out, "%02x", (unsigned char)bytes.ptr[i]);
}

void answer_cell_append(struct buf *out, const struct answer_cell *cell)
{
	switch (cell->kind) {
	case ANSWER_NULL: break;
	case ANSWER_INTEGER: buf_printf(out, "%" PRId64, cell->integer); break;
	case ANSWER_REAL: buf_printf(out, "%.15g", cell->real); break;
	case ANSWER_TEXT: buf_append_str(out, cell->text); break;
	case ANSWER_BLOB: put_hex(out, cell->text); break;
	}
}

static void print_json_cell(const struct answer_cell *cell, struct buf *out)
{
	struct buf text = {0};

	if (cell->kind == ANSWER_NULL) {
		buf_puts(out, "null");
		return;
	}
	answer_cell_append(&text, cell);
	if (cell->kind == ANSWER_INTEGER || (cell->kind == ANSWER_REAL && cell->real - cell->real == 0))
		buf_append_str(out, buf_str(&text));
	else
		buf_append_json(out, buf_str(&text));
	buf_fini(&text);
}

void answer_append_json(const struct answer *a, struct buf *out)
{
	buf_puts(out, "{\"schema\":1,\"rows\":[");
	for (size_t r = 0; r < a->row_count; r++) {
		buf_puts(out, r ? ",\n {" : "\n {");
		for (size_t c = 0; c < a->column_count; c++) {
			buf_puts(out, c ? "," : "");
			buf_append_json(out, str_of(a->columns[c]));
			buf_append_c(out, ':');
			print_json_cell(&a->cells[r * a->column_count + c], out);
		}
		buf_append_c(out, '}');
	}
	buf_printf(out, "],\n \"more\":%s}\n", a->more ? "true" : "false");
}

void answer_append_csv(const struct answer *a, struct buf *out)
{
	struct buf cell = {0};

	for (size_t c = 0; c < a->column_count; c++) {
		buf_puts(out, c ? "," : "");
		buf_append_csv(out, str_of(a->columns[c]));
	}
	buf_append_c(out, '\n');
	for (size_t i = 0; i < a->row_count * a->column_count; i++) {
		buf_reset(&cell);
		answer_cell_append(&cell, &a->cells[i]);
		buf_append_csv(out, buf_str(&cell));
		buf_append_c(out, (i + 1) % a->column_count ? ',' : '\n');
	}
	buf_fini(&cell);
}
