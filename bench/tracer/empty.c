/* empty OBJECT: attaches every program of it until end of input. */
#include <bpf/libbpf.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct bpf_object *o = argc > 1 ? bpf_object__open_file(argv[1], NULL) : NULL;
	if (!o || bpf_object__load(o))
		return 1;
	struct bpf_program *p;
	bpf_object__for_each_program(p, o) if (!bpf_program__attach(p)) return 1;
	puts("{}");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
