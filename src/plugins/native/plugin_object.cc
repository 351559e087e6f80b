#include "plugins/native/plugin_object.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstddef>
#include <filesystem>
#include <system_error>
#include <utility>

#include "plugins/native/guarded.h"
#include "plugins/native/sized.h"

namespace vmq::plugins::native {
namespace {

namespace fs = std::filesystem;

/// Without the hooks, which may be missing at the end.
constexpr std::size_t kSmallestDescription = offsetof(vmq_plugin, auth_on_register);

Error cannot_load(std::string detail) { return {ErrorCode::InvalidValue, std::move(detail)}; }

Result<std::string> find_object(std::string_view name, std::string_view path) {
    const auto candidates = object_candidates(name, path);
    for (const std::string& candidate : candidates) {
        std::error_code ignored;
        if (fs::is_regular_file(candidate, ignored)) return candidate;
    }
    return Error{ErrorCode::NotFound,
                 fmt::format("there is no such file: {}", fmt::join(candidates, ", "))};
}

Result<vmq_plugin> read_description(const std::string& file, void* symbol) {
    const auto entry = reinterpret_cast<vmq_plugin_entry_function>(symbol);
    const vmq_plugin* given = nullptr;
    if (const auto thrown = guarded([&] { given = entry(VMQ_PLUGIN_ABI_VERSION); })) {
        return cannot_load(
            fmt::format("{} of {} threw an exception: {}", VMQ_PLUGIN_ENTRY, file, *thrown));
    }
    if (given == nullptr) {
        return cannot_load(fmt::format("{} does not work with version {} of the plugin interface",
                                       file, VMQ_PLUGIN_ABI_VERSION));
    }
    // Whatever the version, this word stands first.
    if (given->abi_version != VMQ_PLUGIN_ABI_VERSION) {
        return cannot_load(
            fmt::format("{} is for version {} of the plugin interface, this broker has "
                        "version {}",
                        file, given->abi_version, VMQ_PLUGIN_ABI_VERSION));
    }
    if (given->size < kSmallestDescription) {
        return cannot_load(
            fmt::format("the description that {} gives has {} bytes, at least {} are "
                        "needed",
                        file, given->size, kSmallestDescription));
    }
    return sized_copy(*given);
}

}  // namespace

std::vector<std::string> object_candidates(std::string_view name, std::string_view path) {
    // Absolute, because dlopen looks for a name without a slash in the folders of the system.
    std::error_code error;
    fs::path base = fs::absolute(path, error);
    if (error) base = path;
    if (!fs::is_directory(base, error)) return {base.string()};
    const std::string file = fmt::format("{}.so", name);
    return {(base / file).string(), (base / ("lib" + file)).string(),
            (base / "lib" / file).string()};
}

void PluginObject::Close::operator()(void* handle) const noexcept { ::dlclose(handle); }

Result<PluginObject> PluginObject::open(std::string_view name, std::string_view path) {
    auto file = find_object(name, path);
    if (!file) return file.error();
    // Everything bound now: a symbol that is missing is an error here and not in a hook.
    Handle handle(::dlopen(file.value().c_str(), RTLD_NOW | RTLD_LOCAL));
    // Each thread has its own text in glibc.
    if (handle == nullptr) return cannot_load(::dlerror());  // NOLINT(concurrency-mt-unsafe)
    void* const entry = ::dlsym(handle.get(), VMQ_PLUGIN_ENTRY);
    if (entry == nullptr) {
        return cannot_load(
            fmt::format("{} is no plugin: it does not export {}", file.value(), VMQ_PLUGIN_ENTRY));
    }
    auto description = read_description(file.value(), entry);
    if (!description) return description.error();
    return PluginObject(std::move(handle), std::move(file).value(), description.value());
}

}  // namespace vmq::plugins::native
