/* bench-worker: all it does is in bench_worker.so beside it, which the loader puts near libpython (workloads/CMakeLists.txt). */
int bd_embed_main(void);

int main(void)
{
	return bd_embed_main();
}
