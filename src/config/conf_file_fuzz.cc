// Fuzzes the loader: a main file, an included file and the environment are cut from the input at
// NUL bytes.
#include "config/conf_file.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::config;
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    MemoryFiles files;
    for (const char* path : {"vernemq.conf", "conf.d/a.conf", "secret"}) {
        const auto end = rest.find('\0');
        files.files[path] = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    files.variables["E"] = rest;

    const LoadResult loaded = Config::load(files, "vernemq.conf");
    VMQ_ASSERT((loaded.config == nullptr) == !loaded.errors.empty());
    for (const Diagnostic& error : loaded.errors) VMQ_ASSERT(!to_string(error).empty());
    if (loaded.config != nullptr) {
        VMQ_ASSERT(!loaded.config->effective_text().empty());
        VMQ_ASSERT(loaded.config->mqtt().topic_max_depth >= 1);
    }
    return 0;
}
