#include "runtime/name_lookup.h"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <system_error>
#include <thread>
#include <utility>

#include "runtime/guarded.h"

namespace vmq::runtime {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

NameLookup::Addresses ask_system(const std::string& host, std::uint16_t port, error_code& error) {
    asio::io_context io(1);
    asio::ip::tcp::resolver resolver(io);
    return resolver.resolve(host, std::to_string(port), error);
}

}  // namespace

struct NameLookup::State {
    struct Asker {
        asio::io_context* io = nullptr;  // null: nobody wants to know any more
        Done done;
    };
    Guarded<Asker> asker;

    /// Any thread.
    static void tell(const std::shared_ptr<State>& state, error_code error, Addresses found) {
        state->asker.with([&](Asker& asker) {
            if (asker.io == nullptr) return;
            asio::post(*asker.io, [state, error, found = std::move(found)] {
                // What it refers to may go with the lookup, so it goes before.
                const Done done =
                    state->asker.with([](Asker& now) { return std::exchange(now, {}).done; });
                if (done) done(error, found);
            });
        });
    }
};

NameLookup::NameLookup(asio::io_context& io, std::string host, std::uint16_t port, Done done,
                       Resolve resolve)
    : state_(std::make_shared<State>()) {
    state_->asker.with([&](State::Asker& asker) { asker = {&io, std::move(done)}; });
    error_code no_address;
    const auto address = asio::ip::make_address(host, no_address);
    if (!no_address) {
        State::tell(state_, {}, Addresses::create({address, port}, host, std::to_string(port)));
        return;
    }
    if (!resolve) resolve = ask_system;
    try {
        std::thread([state = state_, host = std::move(host), port, resolve = std::move(resolve)] {
            error_code error;
            Addresses found = resolve(host, port, error);
            State::tell(state, error, std::move(found));
        }).detach();
    } catch (const std::system_error&) {
        State::tell(state_, asio::error::no_memory, {});
    }
}

NameLookup::~NameLookup() {
    const auto gone =
        state_->asker.with([](State::Asker& asker) { return std::exchange(asker, {}); });
}

}  // namespace vmq::runtime
