/*
 * What a native library of a Java program is in the attack lab: it computes RandomX hashes
 * in light mode for so many seconds. No pool, no network.
 */
#include <jni.h>
#include <randomx.h>
#include <string.h>
#include <time.h>

JNIEXPORT void JNICALL Java_Work_run(JNIEnv *environment, jclass class, jlong seconds)
{
	(void)environment;
	(void)class;
	time_t end = time(NULL) + seconds;
	randomx_flags flags = randomx_get_flags();
	randomx_cache *cache = randomx_alloc_cache(flags);
	if (cache == NULL)
		return;
	randomx_init_cache(cache, "the attack lab", 14);
	randomx_vm *machine = randomx_create_vm(flags, cache, NULL);
	char output[RANDOMX_HASH_SIZE] = {0};
	while (machine != NULL && time(NULL) < end)
		randomx_calculate_hash(machine, output, sizeof output, output);
}
