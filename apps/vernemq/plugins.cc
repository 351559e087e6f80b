#include "vernemq/plugins.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "base/log.h"
#include "broker/publisher.h"
#include "broker/shard.h"
#include "plugins/acl/acl_plugin.h"
#include "plugins/passwd/passwd_plugin.h"

namespace vmq::launcher {
namespace {

namespace acl = plugins::acl;
namespace passwd = plugins::passwd;

// Switched by "plugins.vmq_acl" and "plugins.vmq_passwd".
constexpr std::string_view kAcl = "vmq_acl";
constexpr std::string_view kPasswd = "vmq_passwd";

/// What it takes while it waits.
std::size_t bytes_of(const broker::Publication& message) {
    return sizeof(message) + message.mountpoint.size() + message.topic.size() +
           message.payload.size() + message.properties.size();
}

bool is_there(const std::string& path) {
    std::error_code error;
    return std::filesystem::exists(path, error);
}

/// Words like those of the reference's names, for what cannot be done.
std::string not_built(const config::EnabledPlugin& plugin) {
    return fmt::format(
        "plugins.{0} = on: there is no plugin of this name in this broker; it "
        "starts without. plugins.{0} = off says that this is meant",
        plugin.name);
}

void report(std::string_view what, const broker::LostRights& lost) {
    if (lost.subscriptions > 0) {
        log::notice("{}: {} subscriptions of {} sessions ended because they are no longer allowed",
                    what, lost.subscriptions, lost.sessions);
    }
    if (lost.wills > 0) {
        log::notice("{}: {} wills were dropped because they are no longer allowed", what,
                    lost.wills);
    }
}

}  // namespace

Plugins::Plugins(config::PluginSettings settings, std::uint32_t topic_max_depth)
    : settings_(std::move(settings)),
      topic_max_depth_(topic_max_depth),
      revokes_(settings_.acl_revocation == config::AclRevocation::Immediate) {}

Plugins::~Plugins() { stop(); }

Result<void> Plugins::attach(broker::Broker& broker) {
    broker_ = &broker;
    // The shared objects first: what the built-in ones do depends on who else is there.
    std::vector<config::EnabledPlugin> usable;
    for (const config::EnabledPlugin& plugin : settings_.enabled) {
        if (!plugin.path.empty()) {
            if (const auto loaded = load_native(plugin); !loaded) {
                warnings_.push_back(loaded.error().detail + "; the broker starts without it");
                continue;
            }
        } else if (plugin.name != kAcl && plugin.name != kPasswd) {
            warnings_.push_back(not_built(plugin));
            continue;
        }
        usable.push_back(plugin);
    }
    for (const config::EnabledPlugin& plugin : usable) add(plugin);
    broker.on_restored([this] { check_everything(); });
    return {};
}

void Plugins::add(const config::EnabledPlugin& plugin) {
    if (plugin.name == kAcl) {
        attach_acl();
        acl_is_on_ = true;
        return note(plugin.name, {});
    }
    if (plugin.name == kPasswd) {
        passwd_place_ = static_cast<std::uint8_t>(attached_.size());
        attach_passwd();
        return note(plugin.name, {});
    }
    const auto native = *std::find_if(native_.begin(), native_.end(), [&](const auto& each) {
        return each->name() == plugin.name;
    });
    broker_->add_plugin([native](ShardId shard) { return native->plugin(shard); });
    note(plugin.name, native->file());
}

void Plugins::note(std::string name, std::string file) {
    const auto place = static_cast<hooks::PluginPlace>(attached_.size());
    const hooks::HookSet hooks = broker_->shards().front()->chain().plugin(place).hooks();
    attached_.push_back({{std::move(name), std::move(file), hooks}});
}

std::vector<Plugins::View> Plugins::enabled() const {
    const auto held = calls_.enter();
    std::vector<View> views;
    for (const Attached& each : attached_) {
        if (each.enabled) views.push_back(each.view);
    }
    return views;
}

Result<hooks::PluginPlace> Plugins::switch_on(Attached& plugin, hooks::PluginPlace place) {
    if (plugin.enabled) return Error{ErrorCode::InvalidValue, "already_enabled"};
    broker_->set_plugin_enabled(place, true);
    plugin.enabled = true;
    log::notice("plugin {} enabled by an operator", plugin.view.name);
    if (plugin.view.name == kAcl) {
        acl_is_on_ = true;
        check_everything();  // nobody has looked while it was off
    }
    return place;
}

Result<hooks::PluginPlace> Plugins::enable(const std::string& name, const std::string& path) {
    const auto held = calls_.enter();
    if (!running_) return Error{ErrorCode::Unavailable, "broker_not_running"};
    for (std::size_t i = 0; i < attached_.size(); ++i) {
        if (attached_[i].view.name != name) continue;
        return switch_on(attached_[i], static_cast<hooks::PluginPlace>(i));
    }
    if (attached_.size() >= hooks::kMaxPlugins) {
        return Error{ErrorCode::LimitReached, "too_many_plugins"};
    }
    const bool built_in = name == kAcl || name == kPasswd;
    if (built_in && !path.empty()) {
        return Error{ErrorCode::InvalidValue, "it is part of the broker and has no path"};
    }
    if (name == kAcl && !is_there(settings_.acl_file)) {
        // At a start without one everything is open, as with VerneMQ; an operator who asks for
        // rules wants some.
        return Error{ErrorCode::NotFound, "no_acl_file: " + settings_.acl_file + " is not there"};
    }
    config::EnabledPlugin plugin;
    plugin.name = name;
    plugin.path = path;
    const std::size_t warned = warnings_.size();
    if (!path.empty()) {
        if (auto loaded = load_native(plugin); !loaded) return loaded.error();
    } else if (!built_in) {
        return Error{ErrorCode::NotFound, "plugin_not_found"};
    }
    add(plugin);
    for (std::size_t i = warned; i < warnings_.size(); ++i) log::warning("{}", warnings_[i]);
    if (name == kAcl) {
        acl_watcher_.emplace(*acl_, Seconds(settings_.acl_reload_interval_s));
        check_everything();
    }
    log::notice("plugin {} enabled by an operator", name);
    return static_cast<hooks::PluginPlace>(attached_.size() - 1);
}

Result<void> Plugins::disable(const std::string& name) {
    const auto held = calls_.enter();
    for (std::size_t i = 0; i < attached_.size(); ++i) {
        Attached& plugin = attached_[i];
        if (plugin.view.name != name || !plugin.enabled) continue;
        if (name == kAcl) acl_is_on_ = false;
        broker_->set_plugin_enabled(static_cast<hooks::PluginPlace>(i), false);
        plugin.enabled = false;
        log::notice("plugin {} disabled by an operator", name);
        return {};
    }
    return Error{ErrorCode::NotFound, "plugin_not_found"};
}

void Plugins::attach_acl() {
    acl::AclSource::Options options;
    options.file = settings_.acl_file;
    options.max_levels = topic_max_depth_;
    options.rules.wildcards_grant_dollar_topics = settings_.wildcards_grant_sys;
    acl_ = std::make_shared<acl::AclSource>(
        options, [this](const acl::Revision& revision) { on_acl_changed(revision); });
    if (!settings_.acl_file_is_set && !is_there(settings_.acl_file)) {
        // The file that VerneMQ installs says the same.
        acl_->use_until_there("topic #\n");
        warnings_.push_back(fmt::format(
            "{} is not there and vmq_acl.acl_file is not set: whoever is let in may publish and "
            "subscribe to everything, as with the file that VerneMQ installs",
            settings_.acl_file));
    } else if (const auto read = acl_->reload(); !read) {
        warnings_.push_back(fmt::format("{}; nobody may publish or subscribe until it can be read",
                                        read.error().detail));
    }
    broker_->add_plugin([this](ShardId) { return std::make_unique<acl::AclPlugin>(acl_); });
}

void Plugins::attach_passwd() {
    passwd::PasswdOptions options;
    options.password_file = settings_.password_file;
    options.reload_interval = Seconds(settings_.password_reload_interval_s);
    passwd_ = std::make_unique<passwd::Passwd>(
        options,
        [this](ShardId shard, std::function<void()> work) {
            broker_->post(shard, std::move(work));
        },
        [this](const passwd::PasswordChanges& changes) { on_passwords_changed(changes); });
    broker_->add_plugin([this](ShardId shard) { return passwd_->plugin(shard); });
}

plugins::native::Services Plugins::services(
    const std::shared_ptr<plugins::native::WishLimit>& limit) {
    // A thread that a plugin leaves behind may call these for as long as the process lives: nothing
    // here needs this object, and the broker is only touched while it is in the gate.
    // Carried out on shards, later: a plugin that wishes faster than they work is told so.
    const auto wish = [gate = gate_, limit](std::size_t bytes, const auto& work) {
        return gate->with([&](const Gate& now) {
            if (now.broker == nullptr || !limit->take(bytes)) return false;
            work(*now.broker, [limit, bytes] { limit->give_back(bytes); });
            return true;
        });
    };
    const auto at_home = [](broker::Broker& broker, const std::string& mountpoint,
                            const std::string& client_id,
                            std::function<void(broker::Shard&)> work) {
        const ShardId home = broker.shards().front()->home_of(mountpoint, client_id);
        broker.post(home,
                    [&shard = *broker.shards()[home], work = std::move(work)] { work(shard); });
    };
    plugins::native::Services services;
    using Done = std::function<void()>;
    services.publish = [wish](broker::Publication message) {
        return wish(bytes_of(message), [&](broker::Broker& broker, Done done) {
            std::vector<broker::Publication> one;
            one.push_back(std::move(message));
            broker::Publisher(broker).publish(std::move(one), std::move(done));
        });
    };
    services.disconnect = [wish, at_home](const std::string& mountpoint,
                                          const std::string& client_id, bool cleanup) {
        return wish(mountpoint.size() + client_id.size(), [&](broker::Broker& broker, Done done) {
            at_home(broker, mountpoint, client_id, [=](broker::Shard& shard) {
                (void)shard.disconnect_client(mountpoint, client_id, cleanup);
                done();
            });
        });
    };
    services.reauthorize = [wish, at_home](const std::string& mountpoint,
                                           const std::string& client_id) {
        return wish(mountpoint.size() + client_id.size(), [&](broker::Broker& broker, Done done) {
            at_home(broker, mountpoint, client_id, [=](broker::Shard& shard) {
                shard.reauthorize(mountpoint, client_id, {},
                                  [done](broker::Reauthorization) { done(); });
            });
        });
    };
    return services;
}

void Plugins::add_metrics(metrics::Snapshot& snapshot) const {
    metrics::Snapshot refused;
    metrics::Snapshot bytes;
    wishes_.with([&](const auto& all) {
        for (const auto& each : all) {
            const auto counts = each->counts();
            const auto add = [&](metrics::Snapshot& to, const char* name, const char* description,
                                 std::uint64_t value) -> metrics::Sample& {
                metrics::Sample& sample = to.emplace_back();
                sample.name = name;
                sample.labels = {{"plugin", each->plugin()}};
                sample.description = description;
                sample.value = value;
                return sample;
            };
            add(refused, "plugin_requests_refused",
                "What a plugin asked the broker to do and was refused, because too much of it "
                "waited.",
                counts.refused);
            add(bytes, "plugin_requests_waiting_bytes",
                "Bytes of messages that a plugin has published and that wait for a shard.",
                counts.waiting_bytes)
                .type = metrics::Type::Gauge;
        }
    });
    for (metrics::Snapshot* part : {&refused, &bytes}) {
        for (metrics::Sample& sample : *part) snapshot.push_back(std::move(sample));
    }
}

Result<void> Plugins::load_native(const config::EnabledPlugin& plugin) {
    const auto limit = std::make_shared<plugins::native::WishLimit>(plugin.name);
    auto loaded = plugins::native::NativePlugin::load(
        plugin.name, plugin.path, plugin.settings, broker_->shard_count(),
        [this](ShardId shard, std::function<void()> work) {
            broker_->post(shard, std::move(work));
        },
        services(limit));
    if (!loaded) return loaded.error();
    wishes_.with([&](auto& all) { all.push_back(limit); });
    native_.push_back(std::move(loaded).value());
    return {};
}

/// Sessions of an earlier process, or all that were there while nobody looked: what was allowed
/// then need not be now. Rules that have not been read yet say nothing about anybody.
void Plugins::check_everything() {
    if (!acl_ || !acl_is_on_ || !revokes_ || acl_->generation() == 0) return;
    const auto rules = acl_->rules();
    checked_ = true;
    broker::ChangedRules changed;
    changed.plugin = kAcl;
    changed.suspects = [rules](const hooks::ClientContext& client,
                               std::span<const std::string_view> filters) {
        return acl::refused(*rules, acl::identity_of(client), filters);
    };
    changed.will_suspect = [rules](const hooks::ClientContext& client, std::string_view topic) {
        return acl::publish_refused(*rules, acl::identity_of(client), topic);
    };
    report("vmq_acl", broker_->check_rights(std::move(changed), true));
}

void Plugins::start() {
    running_ = true;
    gate_->with([this](Gate& gate) { gate.broker = broker_; });
    if (acl_) acl_watcher_.emplace(*acl_, Seconds(settings_.acl_reload_interval_s));
}

void Plugins::stop_watching() {
    gate_->with([](Gate& gate) { gate.broker = nullptr; });
    acl_watcher_.reset();
    running_ = false;
    if (passwd_) passwd_->stop_watching();
}

void Plugins::stop() {
    stop_watching();
    if (passwd_) passwd_->stop();
    for (const auto& native : native_) native->stop();
}

void Plugins::reload() {
    const auto held = calls_.enter();
    if (acl_) (void)acl_->reload();
    if (passwd_) (void)passwd_->reload();
    log::notice("password and ACL files are read anew");
}

void Plugins::reload(const config::PluginSettings& settings) {
    const auto held = calls_.enter();
    revokes_ = settings.acl_revocation == config::AclRevocation::Immediate;
    if (!revokes_) checked_ = false;
    settings_.acl_file_is_set = settings.acl_file_is_set;
    settings_.acl_reload_interval_s = settings.acl_reload_interval_s;
    settings_.password_reload_interval_s = settings.password_reload_interval_s;
    // Those that are off begin with what is set now, should an operator switch them on.
    if (!acl_) settings_.acl_file = settings.acl_file;
    if (!passwd_) settings_.password_file = settings.password_file;
    if (acl_) {
        const bool other = settings.acl_file != settings_.acl_file;
        if (!other) {
            (void)acl_->reload();
        } else if (acl_->use_file(settings.acl_file)) {
            settings_.acl_file = settings.acl_file;
        }
        if (acl_watcher_) acl_watcher_->set_interval(Seconds(settings.acl_reload_interval_s));
        if (!checked_) check_everything();
    }
    if (passwd_) {
        const bool other = settings.password_file != settings_.password_file;
        (void)(other ? passwd_->set_password_file(settings.password_file) : passwd_->reload());
        settings_.password_file = settings.password_file;
        passwd_->set_reload_interval(Seconds(settings.password_reload_interval_s));
    }
    log::notice("password and ACL files are read anew");
}

Result<broker::LostRights> Plugins::preview_acl(const std::string& path) const {
    const auto held = calls_.enter();
    if (!acl_) return Error{ErrorCode::Unavailable, "plugins.vmq_acl is off"};
    if (!running_) return Error{ErrorCode::Unavailable, "the broker is starting or stopping"};
    auto revision = acl_->preview(path);
    if (!revision) return revision.error();
    return check(revision.value(), false);
}

broker::LostRights Plugins::check(const acl::Revision& revision, bool apply) const {
    broker::ChangedRules changed;
    changed.plugin = kAcl;
    changed.suspects = [revision](const hooks::ClientContext& client,
                                  std::span<const std::string_view> filters) {
        return acl::revoked(revision, acl::identity_of(client), filters);
    };
    changed.will_suspect = [revision](const hooks::ClientContext& client, std::string_view topic) {
        return acl::publish_revoked(revision, acl::identity_of(client), topic);
    };
    return broker_->check_rights(std::move(changed), apply);
}

void Plugins::on_acl_changed(const acl::Revision& revision) {
    if (!running_ || !acl_is_on_ || !revokes_) return;
    if (!checked_) return check_everything();
    if (revision.changes.may_revoke()) report("vmq_acl", check(revision, true));
}

broker::Unwelcome Plugins::unwelcome_after(const passwd::PasswordChanges& changes) const {
    auto users = std::make_shared<std::unordered_set<std::string>>();
    users->insert(changes.removed.begin(), changes.removed.end());
    users->insert(changes.changed.begin(), changes.changed.end());
    return
        [users, place = passwd_place_](std::string_view username, std::uint8_t authenticated_by) {
            return authenticated_by == place && users->contains(std::string(username));
        };
}

void Plugins::on_passwords_changed(const passwd::PasswordChanges& changes) const {
    // Also while the plugin is off: who it has let in is here.
    if (!running_ || !revokes_) return;
    if (changes.removed.empty() && changes.changed.empty()) return;
    broker_->disconnect_unwelcome(unwelcome_after(changes), "the password has changed or is gone");
}

Result<broker::UnwelcomeSessions> Plugins::preview_passwords(const std::string& path) const {
    const auto held = calls_.enter();
    if (!passwd_) return Error{ErrorCode::Unavailable, "plugins.vmq_passwd is off"};
    if (!running_) return Error{ErrorCode::Unavailable, "the broker is starting or stopping"};
    const auto changes = passwd_->preview(path);
    if (!changes) return changes.error();
    return broker_->find_unwelcome(unwelcome_after(changes.value()));
}

Result<void> Plugins::reload_acl() const {
    const auto held = calls_.enter();
    if (!acl_) return Error{ErrorCode::Unavailable, "plugins.vmq_acl is off"};
    if (const auto read = acl_->reload(); !read) return read.error();
    return {};
}

Result<passwd::ReloadSummary> Plugins::reload_passwords() const {
    const auto held = calls_.enter();
    if (!passwd_) return Error{ErrorCode::Unavailable, "plugins.vmq_passwd is off"};
    return passwd_->reload();
}

}  // namespace vmq::launcher
