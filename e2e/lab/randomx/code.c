/*
 * A harmless program that burns one core with code that holds the constants of RandomX,
 * for the attack lab: it mixes numbers, knows no network, and ends by itself.
 *
 * code own|unpacked|noise SECONDS
 *   own:      the constants stand in the program (only if it was built with -DOWN)
 *   unpacked: they are decoded into anonymous executable memory, as a packer does
 *   noise:    a benign counterpart: executable memory with 8 MiB of noise in it
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define KEY 0x5a5a5a5a5a5a5a5aULL

/* The constants, each with KEY: this way they are not those of RandomX. */
static volatile uint64_t encoded[] = {
	9298411001130361340ULL ^ KEY, 12065312585734608966ULL ^ KEY, 9306329213124626780ULL ^ KEY, 5281919268842080866ULL ^ KEY,
	10536153434571861004ULL ^ KEY, 3398623926847679864ULL ^ KEY, 9549104520008361294ULL ^ KEY,
};

#ifdef OWN
static uint64_t own(uint64_t x)
{
	x ^= 9298411001130361340ULL;
	x *= 12065312585734608966ULL;
	x ^= 9306329213124626780ULL;
	x += 5281919268842080866ULL;
	x ^= 10536153434571861004ULL;
	x += 3398623926847679864ULL;
	return x ^ 9549104520008361294ULL;
}
#endif

static void *reserve(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		perror("code: mmap");
		exit(1);
	}
	return memory;
}

static void make_executable(void *memory, size_t size)
{
	if (mprotect(memory, size, PROT_READ | PROT_EXEC) != 0) {
		perror("code: mprotect");
		exit(1);
	}
}

/* x86-64: mov rax, constant; xor rdi, rax; for each; then mov rax, rdi; ret. On other
 * processors the memory is there and is not called. */
static void *unpack(void)
{
	unsigned char *memory = reserve(65536), *at = memory + 4321;
	for (unsigned i = 0; i < sizeof encoded / sizeof *encoded; i++) {
		uint64_t constant = encoded[i] ^ KEY;
		memcpy(at, "\x48\xb8", 2);
		memcpy(at + 2, &constant, 8);
		memcpy(at + 10, "\x48\x31\xc7", 3);
		at += 13;
	}
	memcpy(at, "\x48\x89\xf8\xc3", 4);
	make_executable(memory, 65536);
	return memory + 4321;
}

static uint64_t next(uint64_t x)
{
	x ^= x << 13;
	x ^= x >> 7;
	return x ^ x << 17;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	time_t end = time(NULL) + atol(argv[2]);
	uint64_t (*mix)(uint64_t) = next;
	if (strcmp(argv[1], "unpacked") == 0) {
		void *code = unpack();
#ifdef __x86_64__
		memcpy(&mix, &code, sizeof mix);
#endif
	} else if (strcmp(argv[1], "noise") == 0) {
		uint64_t *memory = reserve(8 << 20), x = 1;
		for (size_t i = 0; i < (8 << 20) / sizeof x; i++)
			memory[i] = x = next(x);
		make_executable(memory, 8 << 20);
	}
#ifdef OWN
	if (strcmp(argv[1], "own") == 0)
		mix = own;
#endif
	uint64_t x = 1;
	while (time(NULL) < end)
		for (int i = 0; i < 1000000; i++)
			x = mix(x);
	printf("%llu\n", (unsigned long long)x);
	return 0;
}
