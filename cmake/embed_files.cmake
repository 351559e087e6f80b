# Writes OUTPUT, a C++ source with the contents of FILES, for src/admin/page_files.h.
set(rows)
foreach(file ${FILES})
  file(READ ${file} content)
  get_filename_component(name ${file} NAME)
  string(APPEND rows "    {\"${name}\", R\"embedded(${content})embedded\"},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"admin/page_files.h\"

namespace vmq::admin {
namespace {

constexpr PageFile kFiles[] = {
${rows}};

}  // namespace

std::span<const PageFile> page_files() noexcept { return kFiles; }

}  // namespace vmq::admin
")
