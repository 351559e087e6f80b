// A plugin with every hook. It writes down what it is told, and does what a word says: the client
// id for hooks about clients, else the topic or the first filter.
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

#include "plugins/native/vmq_plugin.h"

namespace {

std::string record;  // only one shard's thread calls at a time in the tests that read it

std::string_view view(vmq_string string) {
    return string.data == nullptr ? std::string_view("-")
                                  : std::string_view(string.data, string.size);
}

vmq_string string(std::string_view text) { return vmq_string_of(text.data(), text.size()); }

/// One thread that answers what is to be answered later.
class Worker {
public:
    Worker() : thread_([this] { run(); }) {}
    ~Worker() {
        {
            const std::lock_guard lock(mutex_);
            ended_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }

    void push(std::function<void()> work) {
        {
            const std::lock_guard lock(mutex_);
            work_.push_back(std::move(work));
        }
        changed_.notify_one();
    }

private:
    void run() {
        std::unique_lock lock(mutex_);
        while (true) {
            changed_.wait(lock, [this] { return ended_ || !work_.empty(); });
            if (work_.empty()) return;
            const auto work = std::move(work_.front());
            work_.pop_front();
            lock.unlock();
            work();
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> work_;
    bool ended_ = false;
    std::thread thread_;
};

struct Instance {
    const vmq_host* host;
    Worker worker;
};

struct Shard {
    Instance* instance;
    unsigned number;
};

const vmq_host* host_of(void* shard) { return static_cast<Shard*>(shard)->instance->host; }

void write(void* shard, const char* hook, const vmq_client& client, std::string_view more) {
    record += std::string(hook) + " shard=" + std::to_string(static_cast<Shard*>(shard)->number);
    record +=
        " " + std::string(view(client.mountpoint)) + "/" + std::string(view(client.client_id));
    record += "/" + std::string(view(client.username)) + " " + std::string(more) + "\n";
}

/// What every authorisation hook does with `word`; `complete` is the function for late answers.
template <typename Answer, typename Complete>
int32_t decide(void* shard, std::string_view word, vmq_call* call, Answer answer,
               int32_t (*give)(vmq_call*, const Answer*), Complete complete) {
    const vmq_host* const host = host_of(shard);
    if (word == "ok") return VMQ_OK;
    if (word == "error") return VMQ_ERROR;
    if (word == "throw") throw std::runtime_error("thrown by every_hook");
    if (word == "throw_int") throw 7;
    if (word == "answer") return give(call, &answer);
    if (word.starts_with("later")) {
        if constexpr (!std::is_null_pointer_v<Complete>) {
            const vmq_ticket ticket = host->defer(call);
            if (ticket == 0) return VMQ_ERROR;
            if (word == "later_never") return VMQ_LATER;
            const bool twice = word == "later_twice";
            static_cast<Shard*>(shard)->instance->worker.push([=] {
                int32_t taken = complete(host, ticket, &answer);
                if (twice) taken += complete(host, ticket, &answer);
                host->log(host, VMQ_LOG_WARNING, string("taken " + std::to_string(taken)));
            });
            return VMQ_LATER;
        }
    }
    return VMQ_NEXT;
}

int32_t auth_on_register(void* shard, const vmq_register_context* context, vmq_call* call) {
    const vmq_host* const host = host_of(shard);
    write(shard, "auth_on_register", context->client,
          std::string(view(context->password)) + " " + std::string(view(context->peer_address)));
    auto answer = vmq_register_answer_of(VMQ_OK);
    answer.mountpoint = string("tenant");
    answer.set = VMQ_REGISTER_MAX_MESSAGE_SIZE;
    answer.max_message_size = 99;
    return decide(shard, view(context->client.client_id), call, answer, host->answer_register,
                  host->complete_register);
}

int32_t on_auth(void* shard, const vmq_auth_context* context, vmq_call* call) {
    const vmq_host* const host = host_of(shard);
    write(shard, "on_auth", context->client, view(context->method));
    auto answer = vmq_auth_answer_of(VMQ_OK);
    answer.continues = 1;
    answer.data = string("challenge");
    return decide(shard, view(context->data), call, answer, host->answer_auth, host->complete_auth);
}

int32_t auth_on_publish(void* shard, const vmq_publish_context* context, vmq_call* call) {
    const vmq_host* const host = host_of(shard);
    write(shard, "auth_on_publish", context->client, view(context->payload));
    auto answer = vmq_publish_answer_of(VMQ_OK);
    answer.topic = string("rewritten");
    return decide(shard, view(context->topic), call, answer, host->answer_publish,
                  host->complete_publish);
}

int32_t auth_on_subscribe(void* shard, const vmq_subscribe_context* context, vmq_call* call) {
    const vmq_host* const host = host_of(shard);
    write(shard, "auth_on_subscribe", context->client, "");
    auto answer = vmq_subscribe_answer_of(VMQ_ERROR);
    answer.refusal.reason_code = 0x97;
    answer.refusal.reason_string = string("enough");
    return decide(shard, view(context->subscriptions[0].filter), call, answer,
                  host->answer_subscribe, host->complete_subscribe);
}

int32_t on_unsubscribe(void* shard, const vmq_unsubscribe_context* context, vmq_call* call) {
    write(shard, "on_unsubscribe", context->client, "");
    const vmq_string filters[] = {string("other"), string("more")};
    auto answer = vmq_unsubscribe_answer_of(VMQ_OK);
    answer.set = VMQ_UNSUBSCRIBE_FILTERS;
    answer.filters = filters;
    answer.filter_count = 2;
    return decide(shard, view(context->filters[0]), call, answer,
                  host_of(shard)->answer_unsubscribe, nullptr);
}

int32_t on_deliver(void* shard, const vmq_publish_context* context, vmq_call* call) {
    write(shard, "on_deliver", context->client, view(context->payload));
    auto answer = vmq_publish_answer_of(VMQ_OK);
    answer.payload = string("changed");
    return decide(shard, view(context->topic), call, answer, host_of(shard)->answer_publish,
                  nullptr);
}

template <typename Context>
void note(void* shard, const char* hook, const Context* context, std::string_view more) {
    write(shard, hook, context->client, more);
    if (view(context->client.client_id) == "throw") throw std::runtime_error("from an event");
}

Shard* create_shard(Instance* instance, unsigned number) { return new Shard{instance, number}; }

vmq_plugin describe() {
    vmq_plugin plugin{};
    plugin.abi_version = VMQ_PLUGIN_ABI_VERSION;
    plugin.size = sizeof(plugin);
    plugin.version = string("1.2.3");
    plugin.init = [](const vmq_host* host, void** instance) {
        record.clear();
        if (host->setting(host, string("throw")).data != nullptr) throw std::runtime_error("init");
        *instance = new Instance{host, {}};
        return 0;
    };
    plugin.destroy = [](void* instance) {
        delete static_cast<Instance*>(instance);
        record += "destroy\n";
    };
    plugin.create_shard = [](void* instance, uint32_t number) -> void* {
        auto* const made = static_cast<Instance*>(instance);
        const vmq_host* const host = made->host;
        if (view(host->setting(host, string("throw_in_shard"))) == std::to_string(number)) {
            throw std::runtime_error("no shard");
        }
        return create_shard(made, number);
    };
    plugin.destroy_shard = [](void* shard) {
        record += "destroy_shard " + std::to_string(static_cast<Shard*>(shard)->number) + "\n";
        delete static_cast<Shard*>(shard);
    };
    plugin.auth_on_register = &auth_on_register;
    plugin.on_auth = &on_auth;
    plugin.auth_on_publish = &auth_on_publish;
    plugin.auth_on_subscribe = &auth_on_subscribe;
    plugin.on_unsubscribe = &on_unsubscribe;
    plugin.on_deliver = &on_deliver;
    plugin.on_register = [](void* shard, const vmq_client_context* context) {
        note(shard, "on_register", context, view(context->peer_address));
    };
    plugin.on_publish = [](void* shard, const vmq_publish_context* context) {
        note(shard, "on_publish", context, view(context->topic));
    };
    plugin.on_subscribe = [](void* shard, const vmq_subscribe_context* context) {
        note(shard, "on_subscribe", context, view(context->subscriptions[0].filter));
    };
    plugin.on_topic_unsubscribed = [](void* shard, const vmq_unsubscribe_context* context) {
        note(shard, "on_topic_unsubscribed", context,
             context->all_filters != 0 ? "all" : view(context->filters[0]));
    };
    plugin.on_offline_message = [](void* shard, const vmq_message_context* context) {
        note(shard, "on_offline_message", context, view(context->topic));
    };
    plugin.on_message_drop = [](void* shard, const vmq_message_context* context) {
        std::string more = std::to_string(context->drop_reason);
        for (size_t i = 0; i < context->properties.count; ++i) {
            const vmq_property& each = context->properties.items[i];
            if (each.id != VMQ_PROPERTY_MESSAGE_EXPIRY_INTERVAL) continue;
            more += " expires=" + std::to_string(each.number);
        }
        note(shard, "on_message_drop", context, more);
    };
    plugin.on_client_wakeup = [](void* shard, const vmq_client_context* context) {
        note(shard, "on_client_wakeup", context, "");
    };
    plugin.on_client_offline = [](void* shard, const vmq_client_context* context) {
        note(shard, "on_client_offline", context, "");
    };
    plugin.on_client_gone = [](void* shard, const vmq_client_context* context) {
        note(shard, "on_client_gone", context, "");
    };
    plugin.on_session_expired = [](void* shard, const vmq_client_context* context) {
        note(shard, "on_session_expired", context, "");
    };
    plugin.change_config = [](void* shard, const vmq_config_context* context) {
        record += "change_config shard=" + std::to_string(static_cast<Shard*>(shard)->number);
        for (size_t i = 0; i < context->entry_count; ++i) {
            const vmq_config_entry& each = context->entries[i];
            record += " " + std::string(view(each.key)) + "=" + std::string(view(each.value));
        }
        record += "\n";
    };
    return plugin;
}

}  // namespace

VMQ_PLUGIN_EXPORT const vmq_plugin* vmq_plugin_entry(std::uint32_t /*abi_version*/) {
    static const vmq_plugin plugin = describe();
    return &plugin;
}

/// What was written down since the last call; for the tests, no part of the interface.
VMQ_PLUGIN_EXPORT const char* every_hook_take_record() {
    static std::string taken;
    taken = std::exchange(record, {});
    return taken.c_str();
}
