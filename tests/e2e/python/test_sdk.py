"""The official Python SDK, clerk-backend-api, against the Usher whose keys and URL are in the environment."""

import os
import unittest
import uuid

import httpx
import jwt
from clerk_backend_api import Clerk, models
from clerk_backend_api.security import authenticate_request, verify_token
from clerk_backend_api.security.types import AuthenticateRequestOptions, TokenVerificationError, VerifyTokenOptions
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

API_URL = os.environ["CLERK_API_URL"]
SECRET_KEY = os.environ["CLERK_SECRET_KEY"]
PASSWORD = "correct horse 7 battery staple"


def new_email_address() -> str:
    return f"grace.{uuid.uuid4().hex[:12]}@example.com"


class PythonSdk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.clerk = cls.enterClassContext(Clerk(bearer_auth=SECRET_KEY, server_url=f"{API_URL}/v1"))

    def create_user(self, **fields) -> models.User:
        return self.clerk.users.create(**{"email_address": [new_email_address()], "password": PASSWORD, **fields})

    def create_token(self, user_id: str) -> tuple[str, str]:
        session = self.clerk.sessions.create(request={"user_id": user_id})
        return session.id, self.clerk.sessions.create_token(session_id=session.id).jwt

    def assert_refused(self, status: int, code: str, call):
        with self.assertRaises(models.ClerkErrors) as raised:
            call()
        self.assertEqual((raised.exception.raw_response.status_code, raised.exception.data.errors[0].code), (status, code))

    def public_key(self) -> str:
        """The PEM that an operator puts into CLERK_JWT_KEY."""
        (key,) = [key for key in self.clerk.jwks.get_jwks().keys]
        loaded = jwt.PyJWK.from_dict(key.model_dump(exclude_none=True)).key
        return loaded.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def test_users_are_created_read_updated_and_deleted(self):
        email_address = new_email_address()
        created = self.create_user(email_address=[email_address], first_name="Grace", last_name="Hopper", public_metadata={"rank": "admiral"})
        self.assertRegex(created.id, r"^user_\w+$")
        read = self.clerk.users.get(user_id=created.id)
        self.assertEqual((read.first_name, read.last_name, read.public_metadata), ("Grace", "Hopper", {"rank": "admiral"}))
        self.assertEqual([one.email_address for one in read.email_addresses], [email_address])
        updated = self.clerk.users.update(user_id=created.id, first_name="Amazing Grace")
        self.assertEqual((updated.first_name, updated.last_name), ("Amazing Grace", "Hopper"))
        deleted = self.clerk.users.delete(user_id=created.id)
        self.assertEqual((deleted.id, deleted.deleted), (created.id, True))
        self.assert_refused(404, "resource_not_found", lambda: self.clerk.users.get(user_id=created.id))

    def test_users_are_listed_and_counted(self):
        mark = f"yy{uuid.uuid4().hex[:10]}"
        first, second = self.create_user(last_name=mark), self.create_user(last_name=mark)
        found = self.clerk.users.list(request={"query": mark})
        self.assertEqual([user.id for user in found], [second.id, first.id])
        page = self.clerk.users.list(request={"query": mark, "limit": 1, "offset": 1})
        self.assertEqual([user.id for user in page], [first.id])
        by_address = self.clerk.users.list(request={"email_address": [first.email_addresses[0].email_address]})
        self.assertEqual([user.id for user in by_address], [first.id])
        self.assertEqual(self.clerk.users.count(request={"query": mark}).total_count, 2)

    def test_metadata_is_merged(self):
        user = self.create_user(public_metadata={"a": 1, "b": 2})
        merged = self.clerk.users.update_metadata(user_id=user.id, public_metadata={"a": None, "c": 3})
        self.assertEqual(merged.public_metadata, {"b": 2, "c": 3})

    def test_sessions_are_created_listed_and_revoked(self):
        user = self.create_user()
        session_id, _ = self.create_token(user.id)
        listed = self.clerk.sessions.list(user_id=user.id, status="active")
        self.assertEqual([session.id for session in listed], [session_id])
        self.assertEqual(self.clerk.sessions.get(session_id=session_id).user_id, user.id)
        self.assertEqual(self.clerk.sessions.revoke(session_id=session_id).status, "revoked")
        self.assertEqual(self.clerk.sessions.list(user_id=user.id, status="active"), [])
        with self.assertRaises(models.ClerkErrors):
            self.clerk.sessions.create_token(session_id=session_id)

    def test_a_session_token_verifies_over_the_network_and_offline(self):
        user = self.create_user()
        session_id, token = self.create_token(user.id)
        online = verify_token(token, VerifyTokenOptions(secret_key=SECRET_KEY, api_url=API_URL))
        self.assertEqual((online["sub"], online["sid"]), (user.id, session_id))
        offline = verify_token(token, VerifyTokenOptions(jwt_key=self.public_key()))
        self.assertEqual(offline, online)
        tampered = token[:-6] + ("AAAAAA" if not token.endswith("AAAAAA") else "BBBBBB")
        with self.assertRaises(TokenVerificationError):
            verify_token(tampered, VerifyTokenOptions(jwt_key=self.public_key()))

    def test_authenticate_request_knows_a_signed_in_request_from_a_stranger(self):
        user = self.create_user()
        _, token = self.create_token(user.id)
        options = AuthenticateRequestOptions(jwt_key=self.public_key())
        bearer = authenticate_request(httpx.Request("GET", "http://localhost", headers={"Authorization": f"Bearer {token}"}), options)
        self.assertTrue(bearer.is_signed_in, bearer.reason)
        self.assertEqual(bearer.payload["sub"], user.id)
        cookie = authenticate_request(httpx.Request("GET", "http://localhost", headers={"cookie": f"__session={token}"}), options)
        self.assertTrue(cookie.is_signed_in, cookie.reason)
        stranger = authenticate_request(httpx.Request("GET", "http://localhost"), options)
        self.assertFalse(stranger.is_signed_in)
        foreign = AuthenticateRequestOptions(jwt_key=self.public_key(), authorized_parties=["https://elsewhere.example.com"])
        refused = authenticate_request(httpx.Request("GET", "http://localhost", headers={"Authorization": f"Bearer {token}"}), foreign)
        self.assertFalse(refused.is_signed_in)

    def test_refusals_carry_their_codes(self):
        user = self.create_user()
        taken = user.email_addresses[0].email_address
        self.assert_refused(422, "form_identifier_exists", lambda: self.create_user(email_address=[taken]))
        with Clerk(bearer_auth="sk_live_0000000000000000000000000000000000000000", server_url=f"{API_URL}/v1") as stranger:
            self.assert_refused(401, "clerk_key_invalid", lambda: stranger.users.list(request={}))


if __name__ == "__main__":
    unittest.main()
