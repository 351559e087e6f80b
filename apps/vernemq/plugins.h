// The plugins of a broker, as its configuration asks for them: made, put into the chain in their
// order, reloaded, and what follows when what they allow has changed.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "broker/broker.h"
#include "config/settings.h"
#include "metrics/snapshot.h"
#include "plugins/acl/acl_source.h"
#include "plugins/native/native_plugin.h"
#include "plugins/native/wish_limit.h"
#include "plugins/passwd/passwd.h"
#include "runtime/coordination.h"
#include "runtime/guarded.h"

namespace vmq::launcher {

/// Outlives the Broker it was given to. start() and stop() are called by the thread that starts and
/// stops the broker; all others by any thread but a shard's.
class Plugins final {
public:
    Plugins(config::PluginSettings settings, std::uint32_t topic_max_depth);
    ~Plugins();
    Plugins(const Plugins&) = delete;
    Plugins& operator=(const Plugins&) = delete;

    /// Before broker.start(): reads the files and fills the chains. What is wrong with a file is
    /// logged, and told by warnings(); only a plugin that cannot be had at all is an error.
    [[nodiscard]] Result<void> attach(broker::Broker& broker);
    /// For the operator at the terminal; after attach().
    [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }
    /// After broker.start(): looks at the files from now on.
    void start();
    /// Before broker.stop(): nothing changes from now on.
    void stop_watching();
    /// After broker.stop().
    void stop();

    // What operators do at run time; the configuration file decides again at the next start. The
    // Error's detail is VerneMQ's word for the reason.
    struct View {
        std::string name;
        std::string file;  // the shared object; empty: built in
        hooks::HookSet hooks = 0;
    };
    /// Those that are on, in the order in which they are asked.
    [[nodiscard]] std::vector<View> enabled() const;
    /// One that was switched off, one of the broker's, or with a path one in a shared object, which
    /// is then asked after all others. Its place in the chain.
    [[nodiscard]] Result<hooks::PluginPlace> enable(const std::string& name,
                                                    const std::string& path);
    [[nodiscard]] Result<void> disable(const std::string& name);

    /// What waits of their requests, and what was refused.
    void add_metrics(metrics::Snapshot& snapshot) const;

    /// Reads both files now, changed or not.
    void reload();
    /// The same, and what `settings` says about them and about revocation is in force first.
    void reload(const config::PluginSettings& settings);

    /// What would end if the file at `path` took the place of the ACL in force.
    [[nodiscard]] Result<broker::LostRights> preview_acl(const std::string& path) const;
    /// The same for the password file: whose sessions would end.
    [[nodiscard]] Result<broker::UnwelcomeSessions> preview_passwords(
        const std::string& path) const;

    /// Reads one of the files now, changed or not.
    [[nodiscard]] Result<void> reload_acl() const;
    [[nodiscard]] Result<plugins::passwd::ReloadSummary> reload_passwords() const;

private:
    void check_everything();
    void attach_acl();
    void attach_passwd();
    [[nodiscard]] plugins::native::Services services(
        const std::shared_ptr<plugins::native::WishLimit>& limit);
    [[nodiscard]] Result<void> load_native(const config::EnabledPlugin& plugin);
    void on_acl_changed(const plugins::acl::Revision& revision);
    void on_passwords_changed(const plugins::passwd::PasswordChanges& changes) const;
    [[nodiscard]] broker::Unwelcome unwelcome_after(
        const plugins::passwd::PasswordChanges& changes) const;
    [[nodiscard]] broker::LostRights check(const plugins::acl::Revision& revision,
                                           bool apply) const;

    /// By place in the chain.
    struct Attached {
        View view;
        bool enabled = true;
    };
    void add(const config::EnabledPlugin& plugin);
    void note(std::string name, std::string file);
    [[nodiscard]] Result<hooks::PluginPlace> switch_on(Attached& plugin, hooks::PluginPlace place);

    mutable runtime::OneAtATime calls_;  // for all but what shards and watchers call
    config::PluginSettings settings_;
    const std::uint32_t topic_max_depth_;
    broker::Broker* broker_ = nullptr;
    /// For threads of plugins; null unless the broker runs. Outlives this object if they do.
    struct Gate {
        broker::Broker* broker = nullptr;
    };
    const std::shared_ptr<runtime::Guarded<Gate>> gate_ =
        std::make_shared<runtime::Guarded<Gate>>();
    std::atomic<bool> running_{false};  // there are shards that can be asked
    std::atomic<bool> checked_{false};  // all there is is as the rules allow
    std::atomic<bool> revokes_;         // acl_revocation = immediate
    std::vector<std::string> warnings_;
    std::vector<Attached> attached_;
    std::atomic<bool> acl_is_on_{false};
    std::shared_ptr<plugins::acl::AclSource> acl_;         // null: off
    std::optional<plugins::acl::AclWatcher> acl_watcher_;  // before acl_ goes
    std::unique_ptr<plugins::passwd::Passwd> passwd_;      // null: off
    std::vector<std::shared_ptr<plugins::native::NativePlugin>> native_;
    runtime::Guarded<std::vector<std::shared_ptr<plugins::native::WishLimit>>> wishes_;
    std::uint8_t passwd_place_ = hooks::kNobody;
};

}  // namespace vmq::launcher
