/*
 * A harmless program that computes RandomX hashes of nothing in particular, for the
 * attack lab: it knows no pool and no network, and ends by itself.
 *
 * hasher fast|light jit|interpreted THREADS SECONDS
 */
#include <pthread.h>
#include <randomx.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static randomx_flags flags;
static randomx_cache *cache;
static randomx_dataset *dataset;
static time_t end;

struct part {
	unsigned long first, count;
};

static void fail(const char *what)
{
	fprintf(stderr, "hasher: no memory for the %s\n", what);
	exit(1);
}

static void *fill(void *argument)
{
	struct part *part = argument;
	/* In small steps, so that it ends in time on a slow machine too. */
	for (unsigned long done = 0; done < part->count && time(NULL) < end; done += 65536) {
		unsigned long count = part->count - done < 65536 ? part->count - done : 65536;
		randomx_init_dataset(dataset, cache, part->first + done, count);
	}
	return NULL;
}

static void *hash(void *argument)
{
	char input[8] = {0}, output[RANDOMX_HASH_SIZE];
	randomx_vm *machine = randomx_create_vm(flags, cache, dataset);
	if (machine == NULL)
		fail("virtual machine");
	memcpy(input, &argument, sizeof argument);
	while (time(NULL) < end) {
		randomx_calculate_hash(machine, input, sizeof input, output);
		memcpy(input, output, sizeof input);
	}
	randomx_destroy_vm(machine);
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "usage: hasher fast|light jit|interpreted THREADS SECONDS\n");
		return 2;
	}
	int fast = strcmp(argv[1], "fast") == 0, jit = strcmp(argv[2], "jit") == 0;
	long threads = atol(argv[3]);
	if (threads < 1 || threads > 64)
		threads = 1;
	end = time(NULL) + atol(argv[4]);
	flags = randomx_get_flags() & ~RANDOMX_FLAG_JIT;
	if (jit)
		flags |= RANDOMX_FLAG_JIT;
	if (fast)
		flags |= RANDOMX_FLAG_FULL_MEM;
	cache = randomx_alloc_cache(flags);
	if (cache == NULL)
		fail("cache");
	randomx_init_cache(cache, "the attack lab", 14);
	pthread_t workers[64];
	if (fast) {
		dataset = randomx_alloc_dataset(flags);
		if (dataset == NULL)
			fail("dataset");
		struct part parts[64];
		unsigned long items = randomx_dataset_item_count();
		for (long i = 0; i < threads; i++) {
			parts[i].first = items * i / threads;
			parts[i].count = items * (i + 1) / threads - parts[i].first;
			pthread_create(&workers[i], NULL, fill, &parts[i]);
		}
		for (long i = 0; i < threads; i++)
			pthread_join(workers[i], NULL);
	}
	for (long i = 0; i < threads; i++)
		pthread_create(&workers[i], NULL, hash, (void *)i);
	for (long i = 0; i < threads; i++)
		pthread_join(workers[i], NULL);
	return 0;
}
