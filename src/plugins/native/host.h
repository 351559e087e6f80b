// What the broker offers a plugin: the functions of vmq_host.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "broker/publisher.h"
#include "plugins/native/late_answers.h"
#include "plugins/native/vmq_plugin.h"

namespace vmq::plugins::native {

/// What stands under NAME in the configuration, by the rest of the key: `NAME.url = x` is "url".
using Settings = std::map<std::string, std::string, std::less<>>;

/// What a plugin may have the broker do. Each is called by any thread, waits for nothing, and says
/// whether it will be done.
struct Services {
    std::function<bool(broker::Publication message)> publish;
    std::function<bool(std::string mountpoint, std::string client_id, bool cleanup)> disconnect;
    std::function<bool(std::string mountpoint, std::string client_id)> reauthorize;
};

/// One per plugin. It is never destroyed: a thread that a plugin should have ended, but did not,
/// finds it as long as the process lives, and is told that nobody waits for its answer. That costs
/// some hundred bytes for each time a plugin is loaded. Its functions are for any thread, as
/// vmq_plugin.h says.
class Host final : public vmq_host {
public:
    /// The result is valid for the life of the process.
    [[nodiscard]] static Host& make(std::string name, Settings settings, ShardId shards,
                                    LateAnswers::Options options, LateAnswers::Post post,
                                    Services services = {});
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;
    ~Host() = default;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] LateAnswers& late() const noexcept { return late_; }
    /// What init said about its failure; empty if nothing.
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

private:
    friend struct HostFunctions;

    Host(std::string name, Settings settings, ShardId shards, LateAnswers::Options options,
         LateAnswers::Post post, Services services);

    const std::string name_;
    const Settings settings_;
    const Services services_;
    mutable std::string failure_;  // written by init's thread, before others know the plugin
    mutable LateAnswers late_;     // a plugin has the host as const
};

}  // namespace vmq::plugins::native
