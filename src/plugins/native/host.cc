#include "plugins/native/host.h"

#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "base/log.h"
#include "plugins/native/answers.h"
#include "plugins/native/call.h"
#include "plugins/native/native_string.h"
#include "runtime/coordination.h"

namespace vmq::plugins::native {
namespace {

log::Level level_of(std::int32_t level) noexcept {
    switch (level) {
        case VMQ_LOG_DEBUG:
            return log::Level::Debug;
        case VMQ_LOG_WARNING:
            return log::Level::Warning;
        case VMQ_LOG_ERROR:
            return log::Level::Error;
        default:
            return log::Level::Info;
    }
}

/// An answer to the hook under way. It may be the answer of another hook, which the types of C
/// cannot tell apart.
template <typename Verdict, typename Answer>
std::int32_t answer(vmq_call* call, const Answer* given) noexcept {
    if (call == nullptr) return VMQ_ERROR;  // nobody has asked
    if (auto* const same = dynamic_cast<Call<Verdict>*>(call)) {
        same->answer(to_verdict(given));
    } else {
        call->answered = true;
        call->mistake = "it is the answer of another hook";
    }
    return VMQ_ANSWERED;
}

}  // namespace

/// Every function a plugin may call. None lets an exception out: without memory the broker ends.
struct HostFunctions {
    static const Host& self(const vmq_host* host) noexcept {
        return *static_cast<const Host*>(host);
    }

    static void log(const vmq_host* host, std::int32_t level, vmq_string text) noexcept {
        const log::Level as = level_of(level);
        const log::Place here(std::source_location::current());
        log::event(as, here, {}, "{}: {}", self(host).name_, view(text));
    }

    static vmq_string setting(const vmq_host* host, vmq_string key) noexcept {
        const Settings& settings = self(host).settings_;
        const auto found = settings.find(view(key));
        return found == settings.end() ? kNoString : native_string(found->second);
    }

    static vmq_string setting_at(const vmq_host* host, std::size_t index,
                                 vmq_string* value) noexcept {
        const Settings& settings = self(host).settings_;
        if (index >= settings.size()) return kNoString;
        const auto& [key, text] =
            *std::next(settings.begin(), static_cast<Settings::difference_type>(index));
        if (value != nullptr) *value = native_string(text);
        return native_string(key);
    }

    static std::int32_t fail(const vmq_host* host, vmq_string reason) noexcept {
        self(host).failure_ = view(reason);
        return -1;
    }

    static vmq_ticket defer(vmq_call* call) noexcept { return call == nullptr ? 0 : call->defer(); }

    static std::int32_t publish(const vmq_host* host, const vmq_message* message) noexcept {
        auto publication = to_publication(message);
        if (!publication) {
            log::error("{}: a message of the plugin makes no sense: {}", self(host).name_,
                       publication.error().detail);
            return 0;
        }
        const auto& service = self(host).services_.publish;
        return service && service(std::move(publication).value()) ? 1 : 0;
    }

    static std::int32_t disconnect(const vmq_host* host, vmq_string mountpoint,
                                   vmq_string client_id, std::int32_t cleanup) noexcept {
        const auto& service = self(host).services_.disconnect;
        return service && service(std::string(view(mountpoint)), std::string(view(client_id)),
                                  cleanup != 0)
                   ? 1
                   : 0;
    }

    static std::int32_t reauthorize(const vmq_host* host, vmq_string mountpoint,
                                    vmq_string client_id) noexcept {
        const auto& service = self(host).services_.reauthorize;
        return service && service(std::string(view(mountpoint)), std::string(view(client_id))) ? 1
                                                                                               : 0;
    }

    template <typename Verdict, typename Answer>
    static std::int32_t complete(const vmq_host* host, vmq_ticket ticket,
                                 const Answer* given) noexcept {
        auto verdict = to_verdict(given);
        if (!verdict) {
            log::error("{}: refused, because the late answer of the plugin makes no sense: {}",
                       self(host).name_, verdict.error().detail);
            verdict = refused<Verdict>(mqtt::ReasonCode::ImplementationSpecificError);
        }
        return self(host).late_.give(ticket, std::move(verdict).value()) ? 1 : 0;
    }
};

Host::Host(std::string name, Settings settings, ShardId shards, LateAnswers::Options options,
           LateAnswers::Post post, Services services)
    : vmq_host{},
      name_(std::move(name)),
      settings_(std::move(settings)),
      services_(std::move(services)),
      late_(std::move(options), std::move(post)) {
    using Functions = HostFunctions;
    static const std::string version = VMQ_VERSION;
    vmq_host::size = sizeof(vmq_host);
    vmq_host::abi_version = VMQ_PLUGIN_ABI_VERSION;
    vmq_host::shard_count = shards;
    vmq_host::broker_version = native_string(version);
    vmq_host::plugin_name = native_string(name_);
    vmq_host::log = &Functions::log;
    vmq_host::setting = &Functions::setting;
    vmq_host::setting_at = &Functions::setting_at;
    vmq_host::fail = &Functions::fail;
    vmq_host::answer_register = &answer<hooks::RegisterVerdict, vmq_register_answer>;
    vmq_host::answer_auth = &answer<hooks::AuthVerdict, vmq_auth_answer>;
    vmq_host::answer_publish = &answer<hooks::PublishVerdict, vmq_publish_answer>;
    vmq_host::answer_subscribe = &answer<hooks::SubscribeVerdict, vmq_subscribe_answer>;
    vmq_host::answer_unsubscribe = &answer<hooks::UnsubscribeVerdict, vmq_unsubscribe_answer>;
    vmq_host::defer = &Functions::defer;
    vmq_host::complete_register = &Functions::complete<hooks::RegisterVerdict, vmq_register_answer>;
    vmq_host::complete_auth = &Functions::complete<hooks::AuthVerdict, vmq_auth_answer>;
    vmq_host::complete_publish = &Functions::complete<hooks::PublishVerdict, vmq_publish_answer>;
    vmq_host::complete_subscribe =
        &Functions::complete<hooks::SubscribeVerdict, vmq_subscribe_answer>;
    vmq_host::publish = &Functions::publish;
    vmq_host::disconnect = &Functions::disconnect;
    vmq_host::reauthorize = &Functions::reauthorize;
}

Host& Host::make(std::string name, Settings settings, ShardId shards, LateAnswers::Options options,
                 LateAnswers::Post post, Services services) {
    // Never destroyed either, so that the threads of plugins find their hosts while the process
    // ends.
    static auto& hosts = *new std::vector<std::unique_ptr<Host>>;
    static const auto& lock = *new runtime::OneAtATime;
    const auto held = lock.enter();
    hosts.push_back(
        std::unique_ptr<Host>(new Host(std::move(name), std::move(settings), shards,
                                       std::move(options), std::move(post), std::move(services))));
    return *hosts.back();
}

}  // namespace vmq::plugins::native
