// The configuration in force while the broker runs: what was loaded, and what was changed since.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/commands/node.h"
#include "base/result.h"
#include "broker/broker.h"
#include "broker/shared_facts.h"
#include "config/config.h"
#include "runtime/coordination.h"
#include "runtime/published.h"
#include "vernemq/setting_layers.h"

namespace vmq::launcher {

/// Owned by the main thread; any thread but a shard's. `broker` outlives it.
class LiveConfig final {
public:
    using TellPlugins = std::function<void(const config::PluginSettings& settings)>;
    using TellLog = std::function<void(const config::LogSettings& settings)>;

    /// `plugins` is told when their settings have changed and at each reload, `log` when its
    /// settings have changed, one call at a time.
    LiveConfig(std::shared_ptr<const config::Config> loaded, broker::Broker& broker,
               TellPlugins plugins, TellLog log);

    using Tell = std::function<void(const config::Config& config)>;
    /// `others` is told of the whole configuration, now and after each change, instead of who was
    /// before.
    void on_change(Tell others);

    /// `http` is told when settings of HTTP listeners have changed in the file. Before reload().
    void on_http_change(Tell http) { http_ = std::move(http); }

    [[nodiscard]] std::shared_ptr<const config::Config> get() const { return current_.get(); }

    /// Of this node alone. All changes take effect, or none does.
    [[nodiscard]] Result<void> change(const std::vector<admin::commands::SettingChange>& changes);
    /// Takes change() back. Those of `keys` that had been changed.
    [[nodiscard]] std::vector<std::string> unset(const std::vector<std::string>& keys);
    /// Settings of cluster scope have changed; other facts are ignored. Logs what it did, and what
    /// cannot be applied here.
    void follow_cluster(const std::vector<broker::SharedFact>& changes);

    /// Takes over what differs from the file as it was loaded before; what operators have changed
    /// and the file has not stays, and what is set for the cluster. Logs what it did, and what
    /// needs a restart. Plugins are told in any case, because their own files may have changed.
    /// Null: there is no file, or it has errors.
    void reload(std::shared_ptr<const config::Config> fresh);

    /// Tells the plugins of all settings in force: all of them once, before the first client, or
    /// one that has been switched on.
    void tell_all_settings(std::optional<hooks::PluginPlace> only = {}) const;

    /// The listener is one of those whose sessions follow the configuration.
    void add_listener(config::ListenerSettings settings);
    /// As it was opened; nothing: not known.
    [[nodiscard]] std::optional<config::ListenerSettings> listener(std::string_view type,
                                                                   std::string_view name) const;

private:
    void take_over(std::shared_ptr<const config::Config> fresh);
    void put_in_force();
    void follow_http_listeners(const config::Config& fresh);
    void apply(std::shared_ptr<const config::Config> changed);
    [[nodiscard]] std::optional<config::ListenerSettings> find(std::string_view type,
                                                               std::string_view name) const;

    broker::Broker& broker_;
    const TellPlugins plugins_;
    Tell http_;
    Tell others_;
    const TellLog log_changed_;
    runtime::OneAtATime calls_;
    std::shared_ptr<const config::Config> loaded_;
    SettingLayers layers_;
    runtime::Published<const config::Config> current_;
    std::vector<config::ListenerSettings> listeners_;
};

}  // namespace vmq::launcher
