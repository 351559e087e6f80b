#include "plugins/native/native_plugin.h"

#include <fmt/format.h>

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "plugins/native/guarded.h"
#include "plugins/native/native_string.h"
#include "plugins/native/shard_plugin.h"

namespace vmq::plugins::native {
namespace {

Error failed(const std::string& name, ErrorCode code, std::string_view why) {
    return {code, fmt::format("plugin {} cannot be loaded: {}", name, why)};
}

}  // namespace

NativePlugin::NativePlugin(PluginObject object, Host& host) noexcept
    : object_(std::move(object)), host_(host), version_(view(object_.description().version)) {}

Result<std::shared_ptr<NativePlugin>> NativePlugin::load(std::string name, const std::string& path,
                                                         Settings settings, ShardId shard_count,
                                                         LateAnswers::Post post, Services services,
                                                         LateAnswers::Options options) {
    auto object = PluginObject::open(name, path);
    if (!object) return failed(name, object.error().code, object.error().detail);
    // From here on code of the plugin runs that may leave threads and handlers behind.
    object.value().keep();
    Host& host = Host::make(std::move(name), std::move(settings), shard_count, std::move(options),
                            std::move(post), std::move(services));
    std::shared_ptr<NativePlugin> plugin(new NativePlugin(std::move(object).value(), host));
    if (const auto started = plugin->start(shard_count); !started) {
        return failed(host.name(), started.error().code, started.error().detail);
    }
    log::info("plugin {} is loaded from {}, version {}", plugin->name(), plugin->file(),
              plugin->version().empty() ? "unknown" : plugin->version());
    return plugin;
}

Result<void> NativePlugin::start(ShardId shard_count) {
    const vmq_plugin& plugin = object_.description();
    if (plugin.init != nullptr) {
        std::int32_t said = 0;
        if (const auto thrown = guarded([&] { said = plugin.init(&host_, &instance_); })) {
            return Error{ErrorCode::Unavailable, fmt::format("its init threw: {}", *thrown)};
        }
        if (said != 0) {
            const std::string& why = host_.failure();
            return Error{ErrorCode::Unavailable,
                         why.empty() ? fmt::format("its init failed ({})", said) : why};
        }
    }
    started_ = true;
    for (ShardId shard = 0; shard < shard_count; ++shard) {
        void* state = instance_;
        if (plugin.create_shard != nullptr) {
            if (const auto thrown =
                    guarded([&] { state = plugin.create_shard(instance_, shard); })) {
                return Error{ErrorCode::Unavailable,
                             fmt::format("its create_shard threw: {}", *thrown)};
            }
        }
        shards_.push_back(state);
    }
    return {};
}

std::unique_ptr<hooks::Plugin> NativePlugin::plugin(ShardId shard) {
    VMQ_ASSERT(shard < shards_.size());
    return std::make_unique<ShardPlugin>(host_, object_.description(), shard, shards_[shard],
                                         shared_from_this());
}

hooks::HookSet NativePlugin::hooks() const noexcept {
    return implemented_hooks(object_.description());
}

void NativePlugin::stop() { host_.late().stop(); }

NativePlugin::~NativePlugin() {
    stop();
    if (!started_) return;
    const vmq_plugin& plugin = object_.description();
    const auto thrown = guarded([&] {
        if (plugin.create_shard != nullptr && plugin.destroy_shard != nullptr) {
            for (void* const shard : shards_) plugin.destroy_shard(shard);
        }
        if (plugin.destroy != nullptr) plugin.destroy(instance_);
    });
    if (thrown) log::error("{}: the plugin threw while it was destroyed: {}", name(), *thrown);
}

}  // namespace vmq::plugins::native
