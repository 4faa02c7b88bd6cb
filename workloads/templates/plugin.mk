@NAME@.so: @NAME@.c
	$(CC) -std=c99 -O2 -fPIC -shared -Wl,--build-id -I@INCLUDE@ $(CFLAGS) -o $@ $<
