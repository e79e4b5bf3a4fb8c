/* SHA-256 against the examples of FIPS 180-4 and NIST's message of a million letters. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/sha256.h"

static void expect(const char *text, size_t times, const char *wanted)
{
	struct sha256 h;
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_HEX_BYTES];

	sha256_init(&h);
	while (times--)
		sha256_add(&h, text, strlen(text));
	sha256_end(&h, digest);
	assert_string_equal(sha256_hex(digest, hex), wanted);
}

static void test_examples(void **state)
{
	(void)state;
	expect("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	expect("a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Every length around the block's end gives the same as byte by byte. */
static void test_pieces(void **state)
{
	char text[200];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t len = 0; len < sizeof(text); len++) {
		struct sha256 whole, parts;
		uint8_t a[SHA256_BYTES], b[SHA256_BYTES];

		sha256_init(&whole);
		sha256_init(&parts);
		sha256_add(&whole, text, len);
		for (size_t i = 0; i < len; i++)
			sha256_add(&parts, text + i, 1);
		sha256_end(&whole, a);
		sha256_end(&parts, b);
		assert_memory_equal(a, b, SHA256_BYTES);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples), cmocka_unit_test(test_pieces)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
