#include "transport/tls_tickets.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>

namespace vmq::transport {
namespace {

using Opened = TicketKeys::Opened;
using namespace std::chrono_literals;

const WallTime kStart{};

struct Contexts {
    std::unique_ptr<EVP_MAC, ReleaseWith<&EVP_MAC_free>> hmac{
        EVP_MAC_fetch(nullptr, "HMAC", nullptr)};
    std::unique_ptr<EVP_MAC_CTX, ReleaseWith<&EVP_MAC_CTX_free>> mac{EVP_MAC_CTX_new(hmac.get())};
    std::unique_ptr<EVP_CIPHER_CTX, ReleaseWith<&EVP_CIPHER_CTX_free>> cipher{EVP_CIPHER_CTX_new()};
};

// The name and IV of a ticket sealed by the newest of `keys`.
struct Sealed {
    explicit Sealed(const TicketKeys& keys) {
        EXPECT_TRUE(keys.seal(name.data(), iv.data(), *contexts.cipher, *contexts.mac));
    }
    [[nodiscard]] Opened opened_by(const TicketKeys& keys) const {
        const Contexts fresh;
        return keys.open(name.data(), iv.data(), *fresh.cipher, *fresh.mac);
    }
    std::array<unsigned char, TicketKeys::kNameBytes> name{};
    std::array<unsigned char, TicketKeys::kIvBytes> iv{};
    Contexts contexts;
};

TEST(TlsTickets, OpensWhatItSealedAndNothingElse) {
    const TicketKeys keys = TicketKeys::make(kStart);
    const Sealed ticket(keys);
    EXPECT_EQ(ticket.opened_by(keys), Opened::Yes);
    EXPECT_EQ(ticket.opened_by(TicketKeys::make(kStart)), Opened::No);
    EXPECT_NE(Sealed(keys).iv, ticket.iv);
}

TEST(TlsTickets, ASuccessorOpensTheTicketsOfADay) {
    const TicketKeys first = TicketKeys::make(kStart);
    const Sealed ticket(first);
    const TicketKeys soon = first.carried_over(kStart + 1h);
    EXPECT_FALSE(soon.due(kStart + 1h));
    EXPECT_EQ(ticket.opened_by(soon), Opened::Yes);
    EXPECT_TRUE(soon.due(kStart + 24h));
    const TicketKeys next = soon.carried_over(kStart + 25h);
    EXPECT_FALSE(next.due(kStart + 25h));
    EXPECT_EQ(ticket.opened_by(next), Opened::YesButOld);
    EXPECT_EQ(Sealed(next).opened_by(first), Opened::No);
    EXPECT_EQ(ticket.opened_by(next.carried_over(kStart + 49h)), Opened::No);
}

}  // namespace
}  // namespace vmq::transport
