// A plugin in a shared object as a whole: the object, its instance, and a plugin for each shard.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "hooks/plugin.h"
#include "plugins/native/host.h"
#include "plugins/native/late_answers.h"
#include "plugins/native/plugin_object.h"

namespace vmq::plugins::native {

/// `plugins.NAME.path`. One per broker and name. Between the end of the shards' threads and that of
/// their loops stop() is called. The plugins it made keep it alive; when the last of them and its
/// owner have let go, the instance is destroyed on the thread that did. The object itself stays
/// loaded until the process ends, so a new version of it needs a restart.
class NativePlugin final : public std::enable_shared_from_this<NativePlugin> {
public:
    /// Finds and opens the object, begins the instance and makes the states of all shards. `path`
    /// is the object or a folder, see object_candidates(). `post` runs a function on a shard's
    /// thread, in a later turn, and may be called by any thread. `services` are what the plugin may
    /// have the broker do, from init on. The error is a sentence for the
    /// operator that names the plugin. Not on a shard.
    [[nodiscard]] static Result<std::shared_ptr<NativePlugin>> load(
        std::string name, const std::string& path, Settings settings, ShardId shard_count,
        LateAnswers::Post post, Services services = {}, LateAnswers::Options options = {});

    ~NativePlugin();
    NativePlugin(const NativePlugin&) = delete;
    NativePlugin& operator=(const NativePlugin&) = delete;

    /// For the chain of one shard; requires `shard` below the count that load() was given. One at a
    /// time for each shard: both would have the same state.
    [[nodiscard]] std::unique_ptr<hooks::Plugin> plugin(ShardId shard);

    [[nodiscard]] const std::string& name() const noexcept { return host_.name(); }
    [[nodiscard]] const std::string& file() const noexcept { return object_.file(); }
    [[nodiscard]] const std::string& version() const noexcept { return version_; }
    [[nodiscard]] hooks::HookSet hooks() const noexcept;
    /// Answers that are awaited. Any thread.
    [[nodiscard]] std::size_t waiting() const { return host_.late().waiting(); }

    /// From now on late answers find nobody; those awaited are not given. Again is no harm.
    void stop();

private:
    NativePlugin(PluginObject object, Host& host) noexcept;
    [[nodiscard]] Result<void> start(ShardId shard_count);

    PluginObject object_;
    Host& host_;  // for ever
    const std::string version_;
    void* instance_ = nullptr;
    bool started_ = false;
    std::vector<void*> shards_;
};

}  // namespace vmq::plugins::native
