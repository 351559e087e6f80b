// The inside of TlsContext, for its loader and OpenSSL's callbacks.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "transport/tls_context.h"
#include "transport/tls_handles.h"
#include "transport/tls_psk.h"
#include "transport/tls_tickets.h"

namespace vmq::transport {

/// Filled by the loader, constant from then on.
struct TlsContextState {
    /// One per set of host names, the default one first; they differ in their certificates only.
    std::vector<SslContextPtr> contexts;
    std::unordered_map<std::string, SSL_CTX*> by_host;    // "a.example.com"
    std::unordered_map<std::string, SSL_CTX*> by_parent;  // "example.com" for "*.example.com"
    PskTable psk;
    TicketKeys tickets = TicketKeys::make(std::chrono::system_clock::now());
    std::array<unsigned char, 32> scope{};  // digest of what decides who may connect and how
    WallTime revocations_expire = WallTime::max();
    bool takes_identity = false;

    TlsLoadNotes notes;
    std::vector<CertificateInfo> certificates;

    /// Makes `context` the one for `name`, in lower case, "*." at its start included. The first one
    /// for a name stays.
    void add_host(const std::string& name, SSL_CTX* context);
    /// For a host name in any case; null: none has it.
    [[nodiscard]] SSL_CTX* find(std::string_view host) const;
};

/// Sets the callbacks for host names, tickets and, with `psk`, pre-shared keys on `context`, which
/// `state` owns or will own.
void set_callbacks(SSL_CTX& context, const TlsContextState& state, bool psk);

}  // namespace vmq::transport
