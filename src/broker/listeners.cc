#include "broker/listeners.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/log.h"
#include "broker/shard.h"

namespace vmq::broker {
namespace {

void tell_notices(const Listener& listener, const transport::TlsContext& context) {
    for (const std::string& notice : context.notices()) {
        log::warning("listener.{}.{}: {}", word_of(listener.kind), listener.name, notice);
    }
}

/// The same on every shard.
Result<hooks::PluginOrder> places_of(const std::vector<std::string>& names,
                                     const hooks::Chain& chain) {
    hooks::PluginOrder order;
    for (const std::string& name : names) {
        std::size_t place = 0;
        while (place < chain.size() &&
               chain.plugin(static_cast<hooks::PluginPlace>(place)).name() != name) {
            ++place;
        }
        if (place == chain.size()) {
            return Error{ErrorCode::InvalidValue,
                         fmt::format("{} is no plugin that is enabled; plugins.{} = on enables it",
                                     name, name)};
        }
        if (std::find(order.begin(), order.end(), place) != order.end()) {
            return Error{ErrorCode::InvalidValue, fmt::format("{} stands there twice", name)};
        }
        order.push_back(static_cast<hooks::PluginPlace>(place));
    }
    return order;
}

}  // namespace

Listeners::Listeners(const std::vector<std::unique_ptr<Shard>>& shards, RunOnShard run)
    : shards_(shards), run_(std::move(run)) {}

Listeners::~Listeners() {
    for (const Entry& entry : entries_) transport::remove_socket_file(entry.options.socket);
}

Result<void> Listeners::start(ListenerOptions options) {
    const auto held = calls_.enter();
    const std::string& address =
        options.socket.unix_path.empty() ? options.socket.address : options.socket.unix_path;
    if (options.socket.port != 0 || !options.socket.unix_path.empty()) {
        if (find(address, options.socket.port) != nullptr) {
            return Error{ErrorCode::AddressInUse, "there is a listener at that address already"};
        }
    }
    Entry entry{std::move(options), nullptr};
    auto listener = std::make_unique<Listener>(entry.options.name, entry.options.kind);
    listener->max_connections = entry.options.max_connections;
    listener->policy = entry.options.policy;
    listener->settings.set(std::make_shared<const session::Settings>(entry.options.settings));
    listener->proxy_header_timeout = entry.options.proxy_header_timeout;
    listener->tls_handshake_timeout = entry.options.tls_handshake_timeout;
    listener->max_handshakes = entry.options.max_handshakes;
    listener->max_authentications = entry.options.max_authentications;
    listener->forward_connection_opts = entry.options.forward_connection_opts;
    for (const auto& [names, option, order] :
         {std::tuple(&entry.options.auth_plugins, "auth_plugins", &listener->auth_plugins),
          std::tuple(&entry.options.authz_plugins, "authz_plugins", &listener->authz_plugins)}) {
        if (!*names) continue;
        auto places = places_of(**names, shards_.front()->chain());
        if (!places) {
            return Error{places.error().code, fmt::format("{}: {}", option, places.error().detail)};
        }
        *order = std::move(places).value();
    }
    if (entry.options.tls) {
        auto context = transport::TlsContext::load(*entry.options.tls, nullptr);
        if (!context) return context.error();
        tell_notices(*listener, *context.value());
        listener->tls.set(std::move(context).value());
    }
    if (entry.options.tls || !entry.options.layers.none()) {
        listener->layers = std::make_shared<const transport::LayerOptions>(entry.options.layers);
    }
    entry.listener = listener.get();
    if (auto opened = open(entry); !opened) return opened;
    made_.push_back(std::move(listener));
    entries_.push_back(std::move(entry));
    return {};
}

Result<void> Listeners::open(Entry& entry) {
    auto descriptors =
        transport::open_listeners(entry.options.socket, static_cast<std::uint32_t>(shards_.size()));
    if (!descriptors) return descriptors.error();
    Listener& listener = *entry.listener;
    const auto& socket = entry.options.socket;
    listener.address = socket.unix_path.empty() ? socket.address : socket.unix_path;
    listener.port = socket.port;
    on_all_shards([&](Shard& shard) { shard.listen(listener, descriptors.value()[shard.id()]); });
    listener.set_running(true);
    return {};
}

void Listeners::close(Entry& entry) {
    if (!entry.listener->running()) return;
    entry.listener->set_running(false);
    on_all_shards([&](Shard& shard) { shard.stop_listening(*entry.listener); });
    transport::remove_socket_file(entry.options.socket);
}

Result<void> Listeners::suspend(std::string_view address, std::uint16_t port) {
    const auto held = calls_.enter();
    auto entry = require(address, port);
    if (!entry) return entry.error();
    close(*entry.value());
    return {};
}

Result<void> Listeners::resume(std::string_view address, std::uint16_t port) {
    const auto held = calls_.enter();
    auto entry = require(address, port);
    if (!entry) return entry.error();
    return entry.value()->listener->running() ? Result<void>{} : open(*entry.value());
}

Result<void> Listeners::stop(std::string_view address, std::uint16_t port) {
    const auto held = calls_.enter();
    auto entry = require(address, port);
    if (!entry) return entry.error();
    Listener& listener = *entry.value()->listener;
    close(*entry.value());
    std::erase_if(entries_, [&](const Entry& each) { return each.listener == &listener; });
    on_all_shards([&](Shard& shard) { shard.disconnect_all(&listener); });
    return {};
}

Result<void> Listeners::remove(std::string_view address, std::uint16_t port) {
    const auto held = calls_.enter();
    auto entry = require(address, port);
    if (!entry) return entry.error();
    Listener& listener = *entry.value()->listener;
    close(*entry.value());
    std::erase_if(entries_, [&](const Entry& each) { return each.listener == &listener; });
    return {};
}

void Listeners::reconfigure(const std::function<void(ListenerOptions& options)>& change) {
    const auto held = calls_.enter();
    for (Entry& entry : entries_) {
        change(entry.options);
        entry.listener->settings.set(
            std::make_shared<const session::Settings>(entry.options.settings));
    }
}

void Listeners::reload_tls(bool always) {
    const auto held = calls_.enter();
    for (const Entry& entry : entries_) {
        const auto context = entry.listener->tls.get();
        if (!context || !(always || context->files_changed() || context->ticket_key_due())) {
            continue;
        }
        auto fresh = transport::TlsContext::load(*entry.options.tls, context.get());
        Listener& listener = *entry.listener;
        if (!fresh) {
            if (listener.tls_error == fresh.error().detail) continue;
            listener.tls_error = fresh.error().detail;
            log::error("listener.{}.{}: {}; it goes on with what was loaded before",
                       word_of(listener.kind), listener.name, fresh.error().detail);
            continue;
        }
        listener.tls_error.clear();
        if (context->files_changed() || always) {
            log::notice("listener.{}.{}: certificates and keys are loaded anew",
                        word_of(listener.kind), listener.name);
        }
        tell_notices(listener, *fresh.value());
        listener.tls.set(std::move(fresh).value());
    }
}

std::vector<Listener*> Listeners::all() const {
    const auto held = calls_.enter();
    std::vector<Listener*> result;
    for (const Entry& entry : entries_) result.push_back(entry.listener);
    return result;
}

Listeners::Entry* Listeners::find(std::string_view address, std::uint16_t port) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        return entry.listener->address == address && entry.listener->port == port;
    });
    return found == entries_.end() ? nullptr : &*found;
}

Result<Listeners::Entry*> Listeners::require(std::string_view address, std::uint16_t port) {
    if (Entry* entry = find(address, port)) return entry;
    return Error{ErrorCode::NotFound, fmt::format("there is no listener at {}:{}", address, port)};
}

void Listeners::on_all_shards(const std::function<void(Shard&)>& work) {
    runtime::run_everywhere(
        shards_.size(),
        [this](std::size_t i, std::function<void()> part) { run_(*shards_[i], std::move(part)); },
        [&](std::size_t i) { work(*shards_[i]); });
}

}  // namespace vmq::broker
