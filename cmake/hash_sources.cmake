# cmake -DROOT=FOLDER -DLIST=FILE -DOUT=FILE -P hash_sources.cmake: one hash over the names and contents of the files listed.
file(STRINGS ${LIST} parts)
set(all "")
foreach(part ${parts})
  file(SHA256 ${ROOT}/${part} hash)
  string(APPEND all "${hash} ${part}\n")
endforeach()
string(SHA256 id "${all}")
file(WRITE ${OUT} "${id}\n")
