// Several tenants on one broker. A client logs in as TENANT:USER with the password of its tenant
// and then lives in that tenant's mountpoint, where it may only use topics below TENANT/.
//
//     plugins.tenant_guard = on
//     plugins.tenant_guard.path = /usr/lib/vernemq/plugins
//     tenant_guard.acme.password = secret       # one line for each tenant
//
//     CONNECT   acme:ann, password right    accepted: mountpoint acme, user name ann
//               acme:ann, password wrong    refused
//               ann                         the next plugin decides
//     PUBLISH   acme/door                   accepted
//               acme/me/door                becomes acme/ann/door
//               other/door                  refused
//     SUBSCRIBE the same, filter by filter; UNSUBSCRIBE acme/me/door means acme/ann/door
//
// Clients that did not come in by this plugin are none of its business: it says NEXT.
#include <vmq_plugin.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

std::string_view view(vmq_string string) { return {string.data, string.size}; }
vmq_string string(std::string_view text) { return vmq_string_of(text.data(), text.size()); }

/// In time that does not depend on where they differ.
bool same_password(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    unsigned different = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        different |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
    }
    return different == 0;
}

/// Passwords of tenants. Never changed, so all threads may look at them.
using Tenants = std::map<std::string, std::string, std::less<>>;

/// Checks logins on a thread of its own. Here it only compares two texts; a plugin that asks a
/// directory or a database would wait for it in check().
class LoginThread {
public:
    LoginThread(const vmq_host* host, const Tenants& tenants)
        : host_(host), tenants_(tenants), thread_([this] { run(); }) {}
    /// What waits is not answered any more: the broker is stopping.
    ~LoginThread() {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            ended_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }

    struct Login {
        vmq_ticket ticket;
        std::string tenant;
        std::string user;
        std::string password;
    };

    void check_later(Login login) {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            logins_.push_back(std::move(login));
        }
        changed_.notify_one();
    }

private:
    void run() {
        std::unique_lock<std::mutex> lock(mutex_);
        while (true) {
            changed_.wait(lock, [this] { return ended_ || !logins_.empty(); });
            if (ended_) return;
            const Login login = std::move(logins_.front());
            logins_.pop_front();
            lock.unlock();
            check(login);
            lock.lock();
        }
    }

    void check(const Login& login) const {
        const auto tenant = tenants_.find(login.tenant);
        const bool right =
            tenant != tenants_.end() && same_password(tenant->second, login.password);
        vmq_register_answer answer = vmq_register_answer_of(right ? VMQ_OK : VMQ_ERROR);
        if (right) {
            answer.mountpoint = string(login.tenant);
            answer.username = string(login.user);
            answer.set |= VMQ_REGISTER_MAX_OFFLINE_MESSAGES;
            answer.max_offline_messages = 1000;
        } else {
            answer.refusal.reason_code = 0x86;  // Bad user name or password
        }
        // Copied during the call. Nobody may wait any more, which does not matter.
        (void)host_->complete_register(host_, login.ticket, &answer);
    }

    const vmq_host* const host_;
    const Tenants& tenants_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Login> logins_;  // as many as the broker has given tickets for
    bool ended_ = false;
    std::thread thread_;
};

/// One for the broker.
struct Instance {
    Instance(const vmq_host* of, Tenants known)
        : host(of), tenants(std::move(known)), logins(of, tenants) {}

    const vmq_host* const host;
    const Tenants tenants;
    LoginThread logins;
};

/// One for each shard, so it needs no lock.
struct Shard {
    Instance* instance;
    std::uint64_t refused = 0;
};

Shard& shard_of(void* shard) { return *static_cast<Shard*>(shard); }

/// A client that came in by this plugin has the mountpoint of a tenant, and a user name.
bool is_ours(const Shard& shard, const vmq_client& client) {
    const Tenants& tenants = shard.instance->tenants;
    return client.username.data != nullptr &&
           tenants.find(view(client.mountpoint)) != tenants.end();
}

/// The topic or filter that `topic` means: TENANT/me/... is TENANT/USER/.... Nothing if it is not
/// below TENANT/.
std::optional<std::string> resolve(const vmq_client& client, std::string_view topic) {
    const std::string tenant = std::string(view(client.mountpoint)) + "/";
    if (topic.substr(0, tenant.size()) != tenant) return std::nullopt;
    const std::string_view rest = topic.substr(tenant.size());
    if (rest != "me" && rest.substr(0, 3) != "me/") return std::string(topic);
    return tenant + std::string(view(client.username)) + std::string(rest.substr(2));
}

int32_t auth_on_register(void* shard, const vmq_register_context* context, vmq_call* call) {
    if (context->client.username.data == nullptr || context->password.data == nullptr) {
        return VMQ_NEXT;
    }
    const std::string_view name = view(context->client.username);
    const std::size_t colon = name.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == name.size()) {
        return VMQ_NEXT;
    }
    const std::string_view user = name.substr(colon + 1);
    // The name becomes a level of topics.
    if (user.find_first_of("/+#") != std::string_view::npos) return VMQ_ERROR;

    Instance& instance = *shard_of(shard).instance;
    const vmq_ticket ticket = instance.host->defer(call);
    if (ticket == 0) {
        vmq_register_answer answer = vmq_register_answer_of(VMQ_ERROR);
        answer.refusal.reason_code = 0x89;  // Server busy
        return instance.host->answer_register(call, &answer);
    }
    instance.logins.check_later({ticket, std::string(name.substr(0, colon)), std::string(user),
                                 std::string(view(context->password))});
    return VMQ_LATER;
}

int32_t auth_on_publish(void* shard, const vmq_publish_context* context, vmq_call* call) {
    Shard& self = shard_of(shard);
    if (!is_ours(self, context->client)) return VMQ_NEXT;
    const auto topic = resolve(context->client, view(context->topic));
    vmq_publish_answer answer = vmq_publish_answer_of(topic ? VMQ_OK : VMQ_ERROR);
    if (topic) {
        answer.topic = string(*topic);
    } else {
        ++self.refused;
        answer.refusal.reason_code = 0x87;  // Not authorized
        answer.refusal.reason_string = string("not a topic of your tenant");
    }
    return self.instance->host->answer_publish(call, &answer);
}

int32_t auth_on_subscribe(void* shard, const vmq_subscribe_context* context, vmq_call* call) {
    Shard& self = shard_of(shard);
    if (!is_ours(self, context->client)) return VMQ_NEXT;
    std::vector<vmq_subscription> subscriptions(
        context->subscriptions, context->subscriptions + context->subscription_count);
    std::deque<std::string> filters;  // keeps its elements where they are
    for (vmq_subscription& subscription : subscriptions) {
        if (auto filter = resolve(context->client, view(subscription.filter))) {
            filters.push_back(std::move(*filter));
            subscription.filter = string(filters.back());
        } else {
            ++self.refused;
            subscription.reason_code = 0x87;  // this one only
        }
    }
    vmq_subscribe_answer answer = vmq_subscribe_answer_of(VMQ_OK);
    answer.set = VMQ_SUBSCRIBE_SUBSCRIPTIONS;
    answer.subscriptions = subscriptions.data();
    answer.subscription_count = subscriptions.size();
    return self.instance->host->answer_subscribe(call, &answer);
}

int32_t on_unsubscribe(void* shard, const vmq_unsubscribe_context* context, vmq_call* call) {
    const Shard& self = shard_of(shard);
    if (!is_ours(self, context->client)) return VMQ_NEXT;
    std::deque<std::string> texts;
    std::vector<vmq_string> filters;
    for (std::size_t i = 0; i < context->filter_count; ++i) {
        const std::string_view asked = view(context->filters[i]);
        texts.push_back(resolve(context->client, asked).value_or(std::string(asked)));
        filters.push_back(string(texts.back()));
    }
    vmq_unsubscribe_answer answer = vmq_unsubscribe_answer_of(VMQ_OK);
    answer.set = VMQ_UNSUBSCRIBE_FILTERS;
    answer.filters = filters.data();
    answer.filter_count = filters.size();
    return self.instance->host->answer_unsubscribe(call, &answer);
}

/// No exception may reach the broker, and when memory is short nobody is let in by mistake.
template <typename Context, int32_t (*Hook)(void*, const Context*, vmq_call*)>
int32_t safe(void* shard, const Context* context, vmq_call* call) noexcept {
    try {
        return Hook(shard, context, call);
    } catch (const std::exception&) {
        return VMQ_ERROR;
    }
}

constexpr std::string_view kPassword = ".password";

int32_t start(const vmq_host* host, void** instance) {
    Tenants tenants;
    vmq_string value;
    for (std::size_t i = 0;; ++i) {
        const vmq_string key = host->setting_at(host, i, &value);
        if (key.data == nullptr) break;
        const std::string_view name = view(key);
        if (name.size() <= kPassword.size() ||
            name.substr(name.size() - kPassword.size()) != kPassword) {
            const std::string message = "there is no setting " + std::string(name);
            return host->fail(host, string(message));
        }
        tenants.emplace(name.substr(0, name.size() - kPassword.size()), view(value));
    }
    if (tenants.empty()) {
        return host->fail(host, string("there is no tenant: set TENANT.password"));
    }
    const std::string message = std::to_string(tenants.size()) + " tenants";
    host->log(host, VMQ_LOG_INFO, string(message));
    *instance = new Instance(host, std::move(tenants));
    return 0;
}

int32_t init(const vmq_host* host, void** instance) noexcept {
    try {
        return start(host, instance);
    } catch (const std::exception& exception) {
        return host->fail(host, string(exception.what()));
    }
}

void destroy(void* instance) noexcept { delete static_cast<Instance*>(instance); }

void* create_shard(void* instance, uint32_t /*number*/) {
    return new Shard{static_cast<Instance*>(instance)};
}

void destroy_shard(void* shard) noexcept {
    Shard* const self = static_cast<Shard*>(shard);
    if (self->refused != 0) {
        const vmq_host* const host = self->instance->host;
        const std::string message = std::to_string(self->refused) + " topics and filters refused";
        host->log(host, VMQ_LOG_INFO, string(message));
    }
    delete self;
}

vmq_plugin describe() {
    vmq_plugin plugin{};
    plugin.abi_version = VMQ_PLUGIN_ABI_VERSION;
    plugin.size = sizeof(plugin);
    plugin.version = string("1.0.0");
    plugin.immediate = VMQ_HOOK_AUTH_ON_PUBLISH | VMQ_HOOK_AUTH_ON_SUBSCRIBE;
    plugin.init = &init;
    plugin.destroy = &destroy;
    plugin.create_shard = &create_shard;
    plugin.destroy_shard = &destroy_shard;
    plugin.auth_on_register = &safe<vmq_register_context, &auth_on_register>;
    plugin.auth_on_publish = &safe<vmq_publish_context, &auth_on_publish>;
    plugin.auth_on_subscribe = &safe<vmq_subscribe_context, &auth_on_subscribe>;
    plugin.on_unsubscribe = &safe<vmq_unsubscribe_context, &on_unsubscribe>;
    return plugin;
}

}  // namespace

VMQ_PLUGIN_EXPORT const vmq_plugin* vmq_plugin_entry(uint32_t abi_version) {
    if (abi_version != VMQ_PLUGIN_ABI_VERSION) return nullptr;
    static const vmq_plugin plugin = describe();
    return &plugin;
}
