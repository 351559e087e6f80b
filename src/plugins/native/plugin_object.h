// The shared object of a plugin: finding it, opening it, checking that it fits this broker.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "plugins/native/vmq_plugin.h"

namespace vmq::plugins::native {

/// Where the object of plugin `name` may be when the operator says `path`: the file itself, or in
/// that folder NAME.so, libNAME.so and lib/NAME.so. In the order they are tried.
[[nodiscard]] std::vector<std::string> object_candidates(std::string_view name,
                                                         std::string_view path);

/// An open object whose description was checked. It is closed when this goes, unless keep() was
/// called: once code of the plugin has run there may be threads and handlers of it anywhere.
class PluginObject final {
public:
    /// Runs nothing of the plugin but its static initialisers and its entry function. NotFound:
    /// there is no file; InvalidValue: it is no plugin, or one for another version.
    [[nodiscard]] static Result<PluginObject> open(std::string_view name, std::string_view path);

    /// Valid as long as this. What the plugin's version of the header did not know is null.
    [[nodiscard]] const vmq_plugin& description() const noexcept { return description_; }
    [[nodiscard]] const std::string& file() const noexcept { return file_; }

    void keep() noexcept { [[maybe_unused]] void* const open = handle_.release(); }

private:
    struct Close {
        void operator()(void* handle) const noexcept;
    };
    using Handle = std::unique_ptr<void, Close>;

    PluginObject(Handle handle, std::string file, const vmq_plugin& description) noexcept
        : handle_(std::move(handle)), file_(std::move(file)), description_(description) {}

    Handle handle_;
    std::string file_;
    vmq_plugin description_;
};

}  // namespace vmq::plugins::native
