// Any bytes from a client, in any pieces, before, during and after a handshake: a session must not
// crash, must keep its promises and must not hold more than one record and one message.
#include <malloc.h>
#include <openssl/crypto.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "support/tls/listener_files.h"
#include "support/tls/tls_client.h"
#include "support/tls/tls_pair.h"
#include "transport/tls_context.h"
#include "transport/tls_session.h"

namespace vmq::transport {
namespace {

using Status = TlsSession::Status;

constexpr std::size_t kMostHeld = 52UL * 1024;    // a record, in a string that doubles as it grows
constexpr std::size_t kMostAnswer = 64UL * 1024;  // a flight of the server
// What OpenSSL may take for one connection: a message of 128 kB, records, what it works with.
constexpr std::size_t kMostAllocated = 300UL * 1024;

std::size_t allocated = 0;  // by OpenSSL, now

void* counted_malloc(std::size_t size, const char* /*file*/, int /*line*/) {
    void* memory = std::malloc(size);
    allocated += ::malloc_usable_size(memory);
    return memory;
}

void counted_free(void* memory, const char* /*file*/, int /*line*/) {
    allocated -= ::malloc_usable_size(memory);
    std::free(memory);
}

void* counted_realloc(void* memory, std::size_t size, const char* /*file*/, int /*line*/) {
    allocated -= ::malloc_usable_size(memory);
    void* moved = std::realloc(memory, size);
    allocated += ::malloc_usable_size(moved);
    return moved;
}

// One context for all inputs: making keys takes longer than using them.
struct Listener : testing::ListenerFiles {
    Listener() {
        options.cafile = cafile;
        options.use_identity_as_username = true;
        options.psk_support = true;
        options.pskfile = write("psk", "meter:swordfish\n");
        context = load();
    }

    testing::TestCertificate client =
        testing::make_certificate({.common_name = "meter"}, &authority);
    std::shared_ptr<const TlsContext> context;
};

class Run {
public:
    explicit Run(const Listener& listener) : session_(listener.context), before_(allocated) {}

    void give(std::string_view wire, std::size_t most) {
        while (!wire.empty()) {
            const std::string_view piece = wire.substr(0, most);
            wire.remove_prefix(piece.size());
            const Status before = session_.status();
            const std::size_t said = plain_.size();
            const Status after = session_.receive(piece, plain_, out_);
            VMQ_ASSERT(after == session_.status());
            VMQ_ASSERT((after == Status::Failed) == !session_.error().empty());
            VMQ_ASSERT(before != Status::Failed || after == Status::Failed);
            VMQ_ASSERT(after != Status::Handshaking || plain_.size() == said);
            VMQ_ASSERT(before == Status::Handshaking || after != Status::Handshaking);
            VMQ_ASSERT(session_.memory() < kMostHeld);
            VMQ_ASSERT(allocated < before_ + kMostAllocated);
        }
        VMQ_ASSERT(out_.size() < kMostAnswer);
    }

    // Without an attacker: until nobody has anything to say. False: one side gave up.
    bool shake_hands(testing::TlsClient& client) {
        while (session_.status() == Status::Handshaking && !client.failed()) {
            give(client.output(), std::string::npos);
            client.receive(testing::take_all(out_));
        }
        return session_.status() == Status::Open && client.open();
    }

    [[nodiscard]] const std::string& plain() const noexcept { return plain_; }
    [[nodiscard]] TlsSession& session() noexcept { return session_; }
    [[nodiscard]] OutputBuffer& out() noexcept { return out_; }

private:
    TlsSession session_;
    std::string plain_;
    OutputBuffer out_;
    std::size_t before_;  // allocated by others
};

void after_handshake(const Listener& listener, std::string_view input, std::size_t most,
                     bool altered, int version) {
    testing::TlsClient client({.certificate = &listener.client, .version = version});
    Run run(listener);
    VMQ_ASSERT(run.shake_hands(client));
    VMQ_ASSERT(run.session().identity() == "meter");
    if (altered) {
        run.give(input, most);
        VMQ_ASSERT(run.plain().empty());
    } else {
        client.send(input);
        run.give(client.output(), most);
        VMQ_ASSERT(run.plain() == input);
    }
    OutputBuffer answer;
    answer.bytes() = "answer";
    const bool sent = run.session().send(answer, run.out());
    VMQ_ASSERT(sent == (run.session().status() != Status::Failed));
    run.session().close(run.out());
}

// A genuine first flight with some of its bytes replaced: XOR with the input.
void altered_hello(const Listener& listener, std::string_view input, std::size_t most,
                   int version) {
    testing::TlsClient client({.version = version});
    std::string hello = client.output();
    for (std::size_t i = 0; i + 2 < input.size(); i += 3) {
        const auto high = static_cast<std::uint8_t>(input[i]);
        const auto low = static_cast<std::uint8_t>(input[i + 1]);
        const std::size_t at = (std::size_t{high} * 256 + low) % hello.size();
        hello[at] = static_cast<char>(hello[at] ^ input[i + 2]);
    }
    Run run(listener);
    run.give(hello, most);
    run.give(input, most);
    VMQ_ASSERT(run.plain().empty());
}

}  // namespace
}  // namespace vmq::transport

// Before OpenSSL allocates anything.
extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** /*arguments*/) {
    using namespace vmq::transport;
    VMQ_ASSERT(CRYPTO_set_mem_functions(&counted_malloc, &counted_realloc, &counted_free) == 1);
    return 0;
}

// Input := mode:u8 (what happens in two bits, version in one), piece:u8, bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::transport;
    static const Listener listener;
    if (size < 3) return 0;
    const int version = (data[0] & 4U) != 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
    const std::size_t most = data[1] == 0 ? std::string::npos : data[1];
    const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
    switch (data[0] & 3U) {
        case 0: {
            Run run(listener);
            run.give(input, most);
            VMQ_ASSERT(run.plain().empty());
            break;
        }
        case 1:
            altered_hello(listener, input, most, version);
            break;
        case 2:
            after_handshake(listener, input, most, true, version);
            break;
        default:
            after_handshake(listener, input, most, false, version);
            break;
    }
    return 0;
}
